/** A value at the end of a path in a JSON text. */
export interface Value {
  /** A number as it is written, a string without its quotes. */
  readonly text: string
  /** Null where it is not a number. */
  readonly number: number | null
}

/** By their paths: names joined by dots, and a dot or backslash in a name after a backslash. */
export type Values = ReadonlyMap<string, Value>

export interface Fields {
  readonly values: Values
  /** How many values were left out because there are too many. */
  readonly leftOut: number
}

export const MOST_FIELDS = 512
const LONGEST_VALUE = 256
const DEEPEST = 32
// JSON.parse rounds a number of more than 17 digits, so texts are read by their tokens
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g

interface Level {
  /** The path up to here, with the dot. */
  readonly path: string
  /** The place in an array; null in an object. */
  index: number | null
  /** The name in an object, once it was read. */
  name: string | null
}

/** The JSON text in one line, its numbers as they are written. */
export function inOneLine(json: string): string {
  return tokensOf(json).map(shown).join('')
}

/** The JSON text in lines with two blanks for each level, its numbers as they are written. */
export function inLines(json: string): string {
  const tokens = tokensOf(json)
  let [text, depth] = ['', 0]
  const line = () => `\n${'  '.repeat(depth)}`
  for (const [index, token] of tokens.entries()) {
    const isEmpty = /^[}\]]$/.test(tokens[index + 1] ?? '') && /^[{[]$/.test(token)
    const closesEmpty = /^[{[]$/.test(tokens[index - 1] ?? '') && /^[}\]]$/.test(token)
    if (isEmpty || closesEmpty) text += token
    else if (token === '{' || token === '[') {
      depth += 1
      text += token + line()
    } else if (token === '}' || token === ']') {
      depth -= 1
      text += line() + token
    } else if (token === ',') text += token + line()
    else text += token === ':' ? ': ' : shown(token)
  }
  return text
}

/** The numbers, strings, booleans and nulls in a valid JSON text, however deep. */
export function fieldsOf(json: string): Fields {
  const values = new Map<string, Value>()
  const levels: Level[] = []
  let leftOut = 0
  const pathHere = () => {
    const level = levels.at(-1)
    return level ? level.path + (level.index ?? level.name) : ''
  }
  for (const token of tokensOf(json)) {
    const level = levels.at(-1)
    if (token === '{' || token === '[') {
      // deeper ones are not named, so that paths stay short
      const path = levels.length === 0 || levels.length > DEEPEST ? '' : `${pathHere()}.`
      levels.push({ path, index: token === '[' ? 0 : null, name: null })
    } else if (token === '}' || token === ']') levels.pop()
    else if (token === ',') {
      if (level?.index === null) level.name = null
      else if (level) level.index = (level.index ?? 0) + 1
    } else if (token === ':') continue
    else if (level?.index === null && level.name === null) level.name = nameIn(token)
    else if (levels.length > DEEPEST || (values.size >= MOST_FIELDS && !values.has(pathHere())))
      leftOut += 1
    else values.set(pathHere(), valueIn(token))
  }
  return { values, leftOut }
}

function tokensOf(json: string): string[] {
  return json.match(TOKEN) ?? []
}

function shown(token: string): string {
  return token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token
}

function nameIn(token: string): string {
  return (JSON.parse(token) as string).replaceAll(/[.\\]/g, '\\$&')
}

function valueIn(token: string): Value {
  if (token.startsWith('"'))
    return { text: (JSON.parse(token) as string).slice(0, LONGEST_VALUE), number: null }
  const number = /^[-\d]/.test(token) ? Number(token) : Number.NaN
  return { text: token, number: Number.isFinite(number) ? number : null }
}
