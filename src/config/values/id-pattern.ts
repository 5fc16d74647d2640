import { Pattern } from '../pattern.ts'
import { type Parse, parse } from './parse.ts'

/**
 * A regular expression for whole WoTT IDs; characters with a meaning in MQTT and the ACL are refused even if it matches them.
 */
export const idPattern: Parse<Pattern> = parse(
  'REGEXP',
  'a regular expression that starts with "^" and ends with "$", so that it matches the whole WoTT ID',
  (text) => {
    if (!text.startsWith('^') || !text.endsWith('$')) return undefined
    try {
      return new Pattern(text)
    } catch (error) {
      const { message } = error as Error
      throw error instanceof SyntaxError
        ? new Error(`must be a regular expression: ${message}`)
        : error
    }
  },
)
