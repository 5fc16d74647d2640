import { AdminRefusal, listFromGateway } from '../admin/ask.ts'
import type { ClientRow } from '../visitors/clients.ts'
import { SOCKET, whichSockets } from './admin-place.ts'
import { type Flags, readArguments, requireWords } from './arguments.ts'
import { type CliCommand, CommandFailure, print } from './command.ts'
import { helpText } from './help.ts'

const FLAGS = {
  socket: SOCKET,
  json: { type: 'boolean', help: 'print one JSON object per line' },
} as const satisfies Flags

export const clients: CliCommand = {
  help: helpText({
    usage: ['clients [NAME] [--json] [--socket FILE]'],
    about: [
      'Lists the clients of the gateway that runs on this machine (run it as the same user): MQTT clients, including offline ones with a session; devices with waiting commands; event streams; other HTTPS connections of devices; and devices that sent something through a proxy in the last minute. For each it prints who it is, the door, and since when; the number of filters of MQTT clients and streams; the queue of MQTT clients; and when the certificate of a device expires.',
    ],
    words: [
      [
        '[NAME]',
        'list only clients with this name: a WoTT ID or its first label, a viewer, or an MQTT client id',
      ],
    ],
    flags: FLAGS,
    examples: [
      'wott-gateway clients',
      'wott-gateway clients kitchen',
      `wott-gateway clients --json | jq 'select(.queue.messages > 0)'`,
    ],
  }),
  async run(args) {
    const { values, words } = readArguments(args, FLAGS)
    requireWords(words, [], ['NAME'])
    const [name] = words
    const names = name === undefined ? {} : { names: [name, `${name}.d.wott.local`] }
    for await (const row of await ask({ command: 'clients', ...names }, values.socket))
      print(values.json ? JSON.stringify(row) : toLine(row))
    return undefined
  },
}

async function ask(
  request: { readonly command: string; readonly names?: readonly string[] },
  given: string | undefined,
): Promise<AsyncGenerator<ClientRow>> {
  const sockets = whichSockets(given)
  for (const path of sockets) {
    const rows = await listFromGateway<ClientRow>(path, request)
    if (rows) return refusalsOf(rows)
  }
  throw new CommandFailure(
    `no gateway answers at ${sockets.join(' or ')}: is it running? If it uses another WOTT_ADMIN_SOCKET, name that with --socket`,
  )
}

async function* refusalsOf(rows: AsyncGenerator<ClientRow>): AsyncGenerator<ClientRow> {
  try {
    yield* rows
  } catch (error) {
    if (!(error instanceof AdminRefusal)) throw error
    throw new CommandFailure(`the gateway refused: ${error.message}`)
  }
}

function toLine(row: ClientRow): string {
  const { device, viewer, client, kind, state, door, address, since, filters, queue } = row
  const where =
    door === undefined
      ? []
      : [`${door} door`, ...(address === undefined ? [] : [`from ${address}`])]
  return [
    device ?? `viewer ${viewer}`,
    ...(client === undefined ? [] : [shown(client)]),
    `${kind}${row.protocol === undefined ? '' : ` ${row.protocol}`}`,
    `${state} since ${since}`,
    ...where,
    ...(filters ? [counted(filters.count, 'filter')] : []),
    ...(queue ? [queueText(queue)] : []),
    ...(row.sessionEnds === undefined ? [] : [`session until ${row.sessionEnds}`]),
    ...(row.certificateEnds === undefined ? [] : [`certificate until ${row.certificateEnds}`]),
  ].join('\t')
}

function queueText({ messages, bytes, oldest }: NonNullable<ClientRow['queue']>): string {
  if (messages === 0) return 'queue empty'
  const since = oldest === null ? '' : `, since ${oldest}`
  return `${counted(messages, 'message')} of ${bytes} bytes wait${messages === 1 ? 's' : ''}${since}`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** Stops escape sequences: a client chooses its own id, and a terminal would obey them. */
function shown(client: string): string {
  return /^[\w.:@/-]+$/.test(client) ? client : JSON.stringify(client).replace(/\p{C}/gu, '�')
}
