import { codeOf, messageOf, UsageError } from '../errors.ts'
import { ArgumentsError } from './arguments.ts'
import { type CliCommand, CommandFailure, say } from './command.ts'
import { didYouMean } from './suggest.ts'

/** Each command by its name, with its line of the help. */
export type CommandTable = Readonly<
  Record<string, readonly [summary: string, load: () => Promise<CliCommand>]>
>

/** Runs one line of `wott-gateway ARGS` and sets the exit code. */
export async function runLine(
  args: readonly string[],
  commands: CommandTable,
  help: string,
): Promise<void> {
  try {
    process.exitCode = await run(args, commands, help)
  } catch (error) {
    const [code, message] = toProblem(error, args[0])
    process.exitCode = code
    for (const line of message.split('\n')) say(line)
  }
}

async function run(
  [first, ...rest]: readonly string[],
  commands: CommandTable,
  help: string,
): Promise<number> {
  const [name, args] = first === 'help' && rest.length > 0 ? [rest[0], ['--help']] : [first, rest]
  if (name === undefined) {
    process.stderr.write(`${help}\n`)
    return 2
  }
  if (name === 'help' || isHelp(name)) return show(help)
  if (name === '--version') return show((await import('../version.ts')).VERSION)
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!entry) {
    const [what, known] = name.startsWith('-')
      ? ['option', ['--help', '--version']]
      : ['command', Object.keys(commands)]
    const hint = didYouMean(name, known) || '; "wott-gateway --help" lists all commands'
    throw new UsageError(`unknown ${what} ${JSON.stringify(name)}${hint}`)
  }
  const command = await entry[1]()
  const end = args.indexOf('--')
  if (args.slice(0, end === -1 ? args.length : end).some(isHelp)) return show(command.help)
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error) => outputFailed(error, command))
  return (await command.run(args)) ?? 0
}

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h'
}

function show(text: string): number {
  process.stdout.on('error', () => process.exit())
  process.stdout.write(`${text}\n`)
  return 0
}

/** A reader that stops early, as in `| head -1`, is not an error; a full disk is. */
function outputFailed(error: unknown, command: CliCommand): void {
  if (command.outlivesReader) return
  if (codeOf(error) === 'EPIPE') process.exit()
  process.stderr.write(`wott-gateway: the output cannot be written: ${messageOf(error)}\n`)
  process.exit(1)
}

/** The exit code and the message; a stack trace only for an error that needs a programmer. */
function toProblem(error: unknown, command: string | undefined): [code: number, message: string] {
  if (error instanceof CommandFailure) return [1, error.message]
  if (error instanceof ArgumentsError)
    return [2, `${error.message}\nsee "wott-gateway ${command} --help"`]
  if (error instanceof UsageError) return [2, error.message]
  const problem = fileProblem(error)
  if (problem) return [2, problem]
  return [1, error instanceof Error ? `${error.stack}`.replaceAll('\n', '\n  ') : String(error)]
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a file with this name is in the way',
  EEXIST: 'a file with this name is in the way',
  EISDIR: 'this is a folder, not a file',
  ENOENT: 'no such file',
}

/** The problem with a file that a command reads or writes; null for other errors. */
function fileProblem(error: unknown): string | null {
  const { syscall, path } = (error ?? {}) as NodeJS.ErrnoException
  if (!(error instanceof Error) || syscall === undefined || path === undefined) return null
  return `${path}: ${REASONS[codeOf(error) ?? ''] ?? error.message} (${syscall})`
}
