import { columns } from './help.ts'
import { type CommandTable, runLine } from './run-line.ts'

/** Commands are loaded on demand: `whoami` does not need to load a broker. */
const COMMANDS: CommandTable = {
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
export function main(args: readonly string[]): Promise<void> {
  return runLine(args, COMMANDS, HELP)
}

if (import.meta.main) await main(process.argv.slice(2))
