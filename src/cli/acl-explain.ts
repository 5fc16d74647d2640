import { explain } from '../acl/explain.ts'
import { quote } from '../acl/quote.ts'
import type { Action } from '../acl/rule.ts'
import { type AclRules, ownRules } from '../acl/rules.ts'
import { toFullName } from '../ca/device-id.ts'
import { ACL_FILE, CLIENT_ID, JSON_LINES, loadRules, whichFile } from './acl-file.ts'
import { ArgumentsError, readArguments, requireWords } from './arguments.ts'
import { print } from './command.ts'
import { didYouMean } from './suggest.ts'

const FLAGS = { 'acl-file': ACL_FILE, 'client-id': CLIENT_ID, json: JSON_LINES } as const

const ACTIONS: readonly string[] = ['publish', 'receive'] satisfies Action[]

/** `acl explain`: the verdict, the line that decided, and why. */
export async function explainVerdict(args: readonly string[]): Promise<undefined> {
  const { values, words } = readArguments(args, FLAGS)
  requireWords(words, ['ID', 'publish|receive', 'TOPIC'])
  const [user, action, topic] = words as [string, string, string]
  if (!ACTIONS.includes(action))
    throw new ArgumentsError(
      `the action must be publish or receive, not ${JSON.stringify(action)}${didYouMean(action, ACTIONS)}`,
    )
  const file = whichFile(values['acl-file'])
  const rules = await loadRules(file)
  // over HTTP a device has no client id but its name
  const who = { user: user === '' ? null : user, clientId: values['client-id'] ?? user }
  const { allowed, line, rule, ...reasons } = explain(rules, who, action as Action, topic)
  const sentences = allowed ? reasons.sentences : [...reasons.sentences, ...meant(rules, user)]
  if (values.json) print(JSON.stringify({ allowed, line, rule, sentences }))
  else {
    const by = rule === null ? '' : ` by ${file}:${line} ${quote(rule)}`
    print((allowed ? 'allowed' : 'denied') + by)
    for (const sentence of sentences) print(sentence)
  }
  return undefined
}

/** A device's user is its whole WoTT ID, not the name that `device add` takes. */
function meant(rules: AclRules, name: string): string[] {
  const user = toFullName(name)
  const isKnown = (one: string) => ownRules(rules, { user: one, clientId: one }) !== null
  if (name === '' || isKnown(name) || !isKnown(user)) return []
  return [
    `But the file has lines for the user ${quote(user)}: ask for that one if you mean the device.`,
  ]
}
