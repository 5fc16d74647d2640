import { readRegularFile } from '../acl/acl-file.ts'
import { type Finding, lintAcl } from '../acl/lint.ts'
import { codeOf, messageOf, UsageError } from '../errors.ts'
import { ACL_FILE, JSON_LINES, STRICT, whichFile } from './acl-file.ts'
import { readArguments, requireNoWords } from './arguments.ts'
import { print } from './command.ts'

const FLAGS = { 'acl-file': ACL_FILE, strict: STRICT, json: JSON_LINES } as const

/** `acl lint`: what is wrong with a file, or looks so. */
export async function lint(args: readonly string[]): Promise<number> {
  const { values, words } = readArguments(args, FLAGS)
  requireNoWords(words, 'acl-file')
  const file = whichFile(values['acl-file'])
  const findings = lintAcl(await read(file))
  for (const finding of findings)
    print(values.json ? JSON.stringify({ file, ...finding }) : toLine(file, finding))
  const errors = findings.filter(({ severity }) => severity === 'error').length
  const warnings = findings.length - errors
  if (!values.json) print(summary(file, errors, warnings))
  return errors > 0 || (values.strict && warnings > 0) ? 1 : 0
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readRegularFile(file)
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'there is no such file' : messageOf(error)
    throw new UsageError(`${file} cannot be read: ${why}`)
  }
}

function toLine(file: string, { line, column, severity, message, code }: Finding): string {
  return `${file}:${line}:${column} ${severity}: ${message} (${code})`
}

function summary(file: string, errors: number, warnings: number): string {
  if (errors + warnings === 0) return `${file}: nothing to complain about`
  return `${file}: ${counted(errors, 'error')}, ${counted(warnings, 'warning')}`
}

function counted(count: number, what: string): string {
  return `${count === 0 ? 'no' : count} ${what}${count === 1 ? '' : 's'}`
}
