import { codeOf, messageOf, UsageError } from '../errors.ts'
import { ArgumentsError } from './arguments.ts'
import { type CliCommand, CommandFailure, say } from './command.ts'
import { columns } from './help.ts'
import { didYouMean } from './suggest.ts'

/** Commands are loaded on demand: `whoami` does not need to load a broker. */
const COMMANDS: Record<string, [summary: string, load: () => Promise<CliCommand>]> = {
  serve: ['run the gateway', async () => (await import('./serve.ts')).serve],
  dev: [
    'create .wott/ if needed, and run the gateway with it',
    async () => (await import('./dev.ts')).dev,
  ],
  enrol: [
    'run the enrol door, which issues certificates to devices',
    async () => (await import('./enrol.ts')).enrol,
  ],
  init: [
    'create a device CA, certificates and an ACL file',
    async () => (await import('./init.ts')).init,
  ],
  device: [
    'invite, approve, renew, revoke and list devices',
    async () => (await import('./device.ts')).device,
  ],
  ca: ['replace the device CA without downtime', async () => (await import('./ca.ts')).ca],
  viewer: [
    'invite, list and revoke people who use the dashboard',
    async () => (await import('./viewer.ts')).viewer,
  ],
  clients: [
    'list the clients of the running gateway',
    async () => (await import('./clients.ts')).clients,
  ],
  store: ['show or repair the message store', async () => (await import('./store.ts')).store],
  backup: [
    'back up the store, even while the gateway runs',
    async () => (await import('./backup.ts')).backup,
  ],
  restore: ['restore a backup', async () => (await import('./restore.ts')).restore],
  whoami: [
    'print the WoTT ID of a device certificate',
    async () => (await import('./whoami.ts')).whoami,
  ],
  acl: ['check, explain or test an ACL file', async () => (await import('./acl.ts')).acl],
  topics: ['check or explain a topics file', async () => (await import('./topics.ts')).topics],
  pub: ['publish a message as a device', async () => (await import('./pub.ts')).pub],
  sub: ['print messages as they arrive', async () => (await import('./sub.ts')).sub],
  history: [
    'print past messages, or statistics of their numbers',
    async () => (await import('./history.ts')).history,
  ],
  simulate: [
    'publish a temperature every two seconds',
    async () => (await import('./simulate.ts')).simulate,
  ],
}

const HELP = `Usage: wott-gateway COMMAND [OPTIONS]

An HTTP-to-MQTT gateway that identifies every device by its certificate.

Commands:
${columns(Object.entries(COMMANDS).map(([name, [summary]]) => [name, summary]))}

"wott-gateway COMMAND --help" explains a command, and "wott-gateway --version"
prints the version.

Exit codes: 0: success. 1: refused, not reachable, or a check failed. 2: wrong
command line, setting or file.`

/** Runs one command line and sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    process.exitCode = await run(args)
  } catch (error) {
    const [code, message] = toProblem(error, args[0])
    process.exitCode = code
    for (const line of message.split('\n')) say(line)
  }
}

async function run([first, ...rest]: readonly string[]): Promise<number> {
  const [name, args] = first === 'help' && rest.length > 0 ? [rest[0], ['--help']] : [first, rest]
  if (name === undefined) {
    process.stderr.write(`${HELP}\n`)
    return 2
  }
  if (name === 'help' || isHelp(name)) return show(HELP)
  if (name === '--version') return show((await import('../version.ts')).VERSION)
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!entry) {
    const [what, known] = name.startsWith('-')
      ? ['option', ['--help', '--version']]
      : ['command', Object.keys(COMMANDS)]
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

if (import.meta.main) await main(process.argv.slice(2))
