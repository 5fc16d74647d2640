import { ArgumentsError } from './arguments.ts'
import { didYouMean } from './suggest.ts'

/** The action of `wott-gateway COMMAND ACTION`. Throws an ArgumentsError if it does not exist. */
export function pickAction<T>(
  command: string,
  actions: Readonly<Record<string, T>>,
  action = '',
): T {
  const found = Object.hasOwn(actions, action) ? actions[action] : undefined
  if (found !== undefined) return found
  const names = Object.keys(actions)
  const all = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`
  if (action === '' || action.startsWith('-')) throw new ArgumentsError(`${all} is missing`)
  throw new ArgumentsError(
    `unknown ${command} command ${JSON.stringify(action)}${didYouMean(action, names) || `; use ${all}`}`,
  )
}
