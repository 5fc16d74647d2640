const [QUOTE, BACKSLASH, COMMA] = [...`"\\,`].map((text) => text.charCodeAt(0))

/**
 * The text of a member's value in `object`, which is valid JSON, as it is written: reading and writing it again would lose the zero
 * of 21.50 and the end of a long number. Of a name that stands there twice the last one counts, as for JSON.parse.
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

/** Behind the value that begins at `start`: a comma, or what closes the object. */
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

/** Behind the string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at += 1
  }
}
