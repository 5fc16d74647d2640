import { addLines, checkAddition, type NewGrant } from '../acl/add-lines.ts'
import { type Grant, grantsOf } from '../acl/grants.ts'
import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import { loadRules } from './acl-file.ts'
import { ArgumentsError } from './arguments.ts'

/** The rights that the ACL file gives a user. */
export interface Rights {
  readonly aclFile: string
  readonly may: readonly Grant[]
  /** Why the rights are not known; null if they are. */
  readonly problem: string | null
}

export async function rightsOf(aclFile: string, user: string): Promise<Rights> {
  if (!exists(aclFile)) return { aclFile, may: [], problem: 'no such file' }
  try {
    const { rules } = grantsOf(await loadRules(aclFile), { user, clientId: user })
    return { aclFile, may: rules, problem: null }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { aclFile, may: [], problem: 'it has errors; see "wott-gateway acl lint"' }
  }
}

/** The rights as text; `example` is a line that could be added. */
export function rightLines(
  user: string,
  { aclFile, may, problem }: Rights,
  example: string,
): string[] {
  if (problem !== null) return [`Its rights are not known: ${aclFile}: ${problem}`]
  if (may.length > 0)
    return [`Rights in ${aclFile}:`, ...may.map(({ access, topic }) => `  ${access} ${topic}`)]
  return [
    `Rights in ${aclFile}: none yet. Add lines such as:`,
    ...['', `  user ${user}`, `  topic ${example}`],
  ]
}

/** Reads `--allow`: a filter, or an access word and a filter, as after "topic" in the ACL file. */
export function grantsIn<A extends NewGrant['access']>(
  texts: readonly string[],
  words: readonly [usual: A, ...others: A[]],
): NewGrant[] {
  return texts.map((text) => {
    const [, word = words[0], filter = text] =
      /^(readwrite|read|write|deny) +(.+)$/.exec(text) ?? []
    const access = words.find((one) => one === word)
    if (access === undefined)
      throw new ArgumentsError(
        `--allow needs a topic filter, optionally after ${words.join(' or ')}, not ${JSON.stringify(text)}`,
      )
    return { access, filter }
  })
}

/** Adds the rights of `--allow` to the ACL file in two steps: `check` before anything else is done, then `write`. */
export function grantIn(aclFile: string, grants: readonly NewGrant[], command: string) {
  const additionFor = (user: string) => {
    const comment = `added by "wott-gateway ${command}" on ${new Date().toISOString().slice(0, 10)}`
    return { user, grants, comment }
  }
  return {
    async check(user: string): Promise<void> {
      if (grants.length > 0) await checkAddition(aclFile, additionFor(user))
    },
    async write(user: string): Promise<void> {
      if (grants.length > 0) await addLines(aclFile, additionFor(user))
    },
  }
}
