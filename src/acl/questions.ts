import { messageOf } from '../errors.ts'
import { decide, type Verdict } from './decide.ts'
import { quote } from './quote.ts'
import type { Action } from './rule.ts'
import type { AclRules, Who } from './rules.ts'

/** One line of `acl test`. */
export interface Question {
  readonly who: Who
  readonly action: Action
  readonly topic: string
  /** Whether it should be allowed; null when nothing is expected. */
  readonly expect: boolean | null
}

/** A line of questions as it was read, or what is wrong with it. */
export type ParsedQuestion =
  | { readonly ok: true; readonly question: Question }
  | { readonly ok: false; readonly error: string }

/**
 * Reads `{"user","clientId"?,"action","topic","expect"?}`. Other members are left alone, so that recorded
 * verdicts can be asked as they are.
 */
export function parseQuestion(line: string): ParsedQuestion {
  let members: unknown
  try {
    members = JSON.parse(line)
  } catch (error) {
    return refuse(`the line is not JSON: ${messageOf(error)}`)
  }
  if (typeof members !== 'object' || members === null || Array.isArray(members))
    return refuse('the line must be a JSON object')
  const { user, clientId = '', action, topic, expect = null } = members as Record<string, unknown>
  if (user !== null && !isText(user))
    return refuse('"user" must be a string, or null for a client without a name')
  if (!isText(clientId)) return refuse('"clientId" must be a string')
  if (action !== 'publish' && action !== 'receive')
    return refuse(`"action" must be "publish" or "receive"${was(action)}`)
  if (!isText(topic)) return refuse('"topic" must be a string')
  const expected = EXPECTATIONS.get(expect)
  if (expected === undefined)
    return refuse(`"expect" must be true or "allow", false or "deny"${was(expect)}`)
  return { ok: true, question: { who: { user, clientId }, action, topic, expect: expected } }
}

/** What `acl test` writes for a question, its members in this order. */
export function answer(rules: AclRules, { who, action, topic }: Question): Verdict {
  return decide(rules, who, action, topic)
}

const EXPECTATIONS: ReadonlyMap<unknown, boolean | null> = new Map<unknown, boolean | null>([
  [true, true],
  ['allow', true],
  [false, false],
  ['deny', false],
  [null, null],
])

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed()
}

function was(value: unknown): string {
  return value === undefined ? '' : `, not ${quote(JSON.stringify(value))}`
}

function refuse(error: string): ParsedQuestion {
  return { ok: false, error }
}
