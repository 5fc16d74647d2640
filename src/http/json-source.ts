const [QUOTE, BACKSLASH, COMMA] = [...`"\\,`].map((text) => text.charCodeAt(0))

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
    if (JSON.parse(object.slice(key, keyEnd)) === name) found = object.slice(start, end).trim()
    if (object.charCodeAt(end) !== COMMA) return found
    at = end + 1
  }
}

/** The index after the value that begins at `start`: of a comma, or of the closing brace. */
function valueEnd(text: string, start: number): number {
  let depth = 0
  for (let at = start; ; at++) {
    switch (text[at]) {
      case '"':
        at = stringEnd(text, at) - 1
        break
      case '{':
      case '[':
        depth += 1
        break
      case '}':
      case ']':
        if (depth === 0) return at
        depth -= 1
        break
      case ',':
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
