import { readAclFile } from '../acl/acl-file.ts'
import { type Finding, lintAcl } from '../acl/lint.ts'
import type { KnownUsers } from '../acl/lint-line.ts'
import { layoutOf } from '../ca/layout.ts'
import { exists } from '../disk/exists.ts'
import { codeOf, messageOf, UsageError } from '../errors.ts'
import { ACL_FILE, DEVICES, JSON_LINES, STRICT, whichFile } from './acl-file.ts'
import { readArguments, requireNoWords } from './arguments.ts'
import { print } from './command.ts'
import { USUAL_DIRECTORY } from './directory.ts'
import { knownUsers } from './known-users.ts'

const FLAGS = {
  'acl-file': ACL_FILE,
  devices: DEVICES,
  strict: STRICT,
  json: JSON_LINES,
} as const

/** `acl lint`: errors in a file, and lines that are probably mistakes. */
export async function lint(args: readonly string[]): Promise<number> {
  const { values, words } = readArguments(args, FLAGS)
  requireNoWords(words, 'acl-file')
  const file = whichFile(values['acl-file'])
  const known = await knownTo(values.devices)
  const findings = lintAcl(await read(file), known)
  for (const finding of findings)
    print(values.json ? JSON.stringify({ file, ...finding }) : toLine(file, finding))
  const errors = findings.filter(({ severity }) => severity === 'error').length
  const warnings = findings.length - errors
  if (!values.json) print(summary(file, errors, warnings))
  return errors > 0 || (values.strict && warnings > 0) ? 1 : 0
}

/** Null without access to the CA: a person who manages the ACL file may not have it. */
async function knownTo(directory: string | undefined): Promise<KnownUsers | null> {
  if (directory !== undefined) return knownUsers(directory)
  if (!exists(layoutOf(USUAL_DIRECTORY).authority.ledger)) return null
  return knownUsers(USUAL_DIRECTORY).catch(() => null)
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readAclFile(file)
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'no such file' : messageOf(error)
    throw new UsageError(`${file} cannot be read: ${why}`)
  }
}

function toLine(file: string, { line, column, severity, message, code }: Finding): string {
  return `${file}:${line}:${column} ${severity}: ${message} (${code})`
}

function summary(file: string, errors: number, warnings: number): string {
  if (errors + warnings === 0) return `${file}: no problems found`
  return `${file}: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}`
}

function counted(count: number, what: string): string {
  return `${count === 0 ? 'no' : count} ${what}${count === 1 ? '' : 's'}`
}
