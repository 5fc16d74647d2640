const QUOTE = 34
const BACKSLASH = 92
const COMMA = 44
const [OPENING_BRACE, CLOSING_BRACE] = [123, 125]
const [OPENING_BRACKET, CLOSING_BRACKET] = [91, 93]

/**
 * The source text of a member's value in `object`, which is valid JSON: parsing and writing it again would lose the zero of
 * 21.50 and the end of a long number. Where a name occurs twice the last value counts, as in JSON.parse.
 */
export function memberSource(object: string, name: string): string | null {
  let found: string | null = null
  let at = object.indexOf('{') + 1
  for (;;) {
    const key = object.indexOf('"', at)
    if (key === -1) return found
    const keyEnd = stringEnd(object, key)
    const start = object.indexOf(':', keyEnd) + 1
    const end = valueEnd(object, start)
    if (isName(object.slice(key, keyEnd), name)) found = object.slice(start, end).trim()
    if (object.charCodeAt(end) !== COMMA) return found
    at = end + 1
  }
}

/** Whether a string in JSON is this name. */
function isName(json: string, name: string): boolean {
  if (json.includes('\\')) return JSON.parse(json) === name
  return json.length === name.length + 2 && json.startsWith(name, 1)
}

/** The index after the value that begins at `start`: of a comma, or of the closing brace. */
function valueEnd(text: string, start: number): number {
  let depth = 0
  for (let at = start; ; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = stringEnd(text, at) - 1
        break
      case OPENING_BRACE:
      case OPENING_BRACKET:
        depth += 1
        break
      case CLOSING_BRACE:
      case CLOSING_BRACKET:
        if (depth === 0) return at
        depth -= 1
        break
      case COMMA:
        if (depth === 0) return at
    }
  }
}

/** The index after the string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at += 1
  }
}
