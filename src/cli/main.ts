import { messageOf, UsageError } from '../errors.ts'
import type { Command } from './command.ts'

/** Commands are loaded when they are asked for: `whoami` need not wait for a broker. */
const COMMANDS: Record<string, [summary: string, load: () => Promise<Command>]> = {
  serve: ['run the gateway', async () => (await import('./serve.ts')).serve],
  dev: [
    'make .wott/ if it is not there, and run the gateway with it',
    async () => (await import('./dev.ts')).dev,
  ],
  init: [
    'make a device CA, certificates and an ACL file',
    async () => (await import('./init.ts')).init,
  ],
  device: ['add, revoke and list devices', async () => (await import('./device.ts')).device],
  whoami: [
    'print the WoTT ID of a certificate directory',
    async () => (await import('./whoami.ts')).whoami,
  ],
  pub: ['publish a message as a device', async () => (await import('./pub.ts')).pub],
  sub: ['print messages as they come', async () => (await import('./sub.ts')).sub],
  simulate: [
    'publish a temperature every two seconds',
    async () => (await import('./simulate.ts')).simulate,
  ],
}

const HELP = `Usage: wott-gateway COMMAND [OPTIONS]

An HTTP-to-MQTT gateway that knows every device by its certificate.

Commands:
${Object.entries(COMMANDS)
  .map(([name, [summary]]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

wott-gateway COMMAND --help says more.`

/** Runs one command line, and sets the exit code: 0, 1 for what went wrong inside, 2 for what the caller can mend. */
export async function main(args: readonly string[]): Promise<void> {
  try {
    process.exitCode = await run(args)
  } catch (error) {
    const usage = error instanceof UsageError
    process.exitCode = usage ? 2 : 1
    process.stderr.write(
      `wott-gateway: ${usage || !(error instanceof Error) ? messageOf(error) : error.stack}\n`,
    )
  }
}

async function run([name, ...rest]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(`${HELP}\n`)
    return name === undefined ? 2 : 0
  }
  if (name === '--version') {
    const { VERSION } = await import('../version.ts')
    process.stdout.write(`${VERSION}\n`)
    return 0
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!entry) throw new UsageError(`there is no command "${name}"; wott-gateway --help lists them`)
  const command = await entry[1]()
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`${command.help}\n`)
    return 0
  }
  return (await command.run(rest)) ?? 0
}

if (import.meta.main) await main(process.argv.slice(2))
