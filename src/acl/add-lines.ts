import { realpath, stat } from 'node:fs/promises'
import { replaceFile } from '../disk/files.ts'
import { withLock } from '../disk/lock.ts'
import { codeOf, messageOf, UsageError } from '../errors.ts'
import { filterProblem } from '../topic/topic.ts'
import { readAclFile } from './acl-file.ts'
import { LF } from './ascii.ts'
import { filterOf } from './fill-in.ts'
import { parseAcl } from './parse.ts'
import { quote } from './quote.ts'
import { permits, type Right } from './rule.ts'
import type { AclRules } from './rules.ts'

/** What a `topic` line lets a user do. */
export interface NewGrant {
  readonly access: Exclude<Right, 'deny'>
  readonly filter: string
}

/** Adds `topic` lines for `user`, below those that it has, under a comment; those that say nothing new are left out. */
export interface Addition {
  readonly user: string
  readonly grants: readonly NewGrant[]
  /** Without the "#". */
  readonly comment: string
}

/**
 * Changes the ACL file at `path` in one step, while nobody else does by this function. Rejects with a UsageError, and changes
 * nothing, where the file has errors, or would say something else than was meant.
 */
export async function addLines(path: string, addition: Addition): Promise<void> {
  await checkAddition(path, addition)
  // a link stays one
  const file = await realpath(path)
  await withLock(`${file}.lock`, async () => {
    const before = await read(path)
    const bytes = withLines(path, before, addition)
    if (bytes === before) return
    await replaceFile({ path: file, text: bytes, mode: (await stat(file)).mode & 0o777 })
  })
}

/** Rejects as `addLines` would now, and changes nothing. */
export async function checkAddition(path: string, addition: Addition): Promise<void> {
  for (const { filter } of addition.grants) {
    const problem = filterProblem(filter)
    if (problem) throw new UsageError(`${quote(filter)} is not a topic filter: it ${problem}`)
  }
  withLines(path, await read(path), addition)
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readAclFile(path)
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'no such file' : messageOf(error)
    throw new UsageError(`${path} cannot be read: ${why}`, { cause: error })
  }
}

/** The same buffer where it says all of it already. */
function withLines(path: string, before: Buffer, { user, grants, comment }: Addition): Buffer {
  const rules = rulesOf(path, before)
  const missing = grants.filter((grant) => !says(rules, user, grant))
  if (missing.length === 0) return before
  const own = rules.users.get(user)?.rules.at(-1)
  const end = own ? before.indexOf(LF, own.end) : -1
  const at = end === -1 ? before.length : end + 1
  const lines = [
    ...(at > 0 && before[at - 1] !== LF ? [''] : []),
    ...(own || at === 0 ? [] : ['']),
    `# ${comment}`,
    ...(own ? [] : [`user ${user}`]),
    ...missing.map(({ access, filter }) => `topic ${access} ${filter}`),
    '',
  ]
  const added = Buffer.from(lines.join('\n'))
  const after = Buffer.concat([before.subarray(0, at), added, before.subarray(at)])
  const result = rulesOf(path, after)
  // a name or a filter that another line would begin with, say
  if (
    result.size !== rules.size + missing.length ||
    !missing.every((one) => says(result, user, one))
  )
    throw new UsageError(`the lines for ${quote(user)} cannot be written to ${path}`)
  return after
}

function rulesOf(path: string, bytes: Buffer): AclRules {
  const parsed = parseAcl(bytes)
  if (parsed.ok) return parsed.rules
  const [first] = parsed.errors
  throw new UsageError(
    `${path} has errors, so nothing was added to it. First error, line ${first?.line}: ${first?.message}`,
  )
}

function says(rules: AclRules, user: string, { access, filter }: NewGrant): boolean {
  const own = [...(rules.users.get(user)?.rules ?? [])].filter(
    (rule) => filterOf(rules, rule) === filter,
  )
  const lets = (action: 'publish' | 'receive') => own.some(({ right }) => permits(right, action))
  return (
    (!permits(access, 'publish') || lets('publish')) &&
    (!permits(access, 'receive') || lets('receive'))
  )
}
