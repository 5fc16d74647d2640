import type { Device } from '../ca/device-states.ts'
import { addDevice, listDevices, renewDevice, revokeDevice } from '../ca/devices.ts'
import { pickAction } from './actions.ts'
import {
  type Flags,
  readArguments,
  requireNoWords,
  requireWords,
  wholeNumber,
} from './arguments.ts'
import { type Command, print } from './command.ts'
import { inDirectory, USUAL_DIRECTORY } from './directory.ts'
import { helpText } from './help.ts'

const DIR = {
  type: 'string',
  value: 'DIR',
  default: USUAL_DIRECTORY,
  help: 'where init made the CA',
} as const
const DAYS = {
  type: 'string',
  value: 'N',
  default: '365',
  help: 'add, renew: how long the certificate is valid',
} as const
const JSON_LINES = { type: 'boolean', help: 'list: one JSON object a line' } as const

const ACTIONS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  add,
  renew,
  revoke,
  list,
}

export const device: Command = {
  help: helpText({
    usage: [
      'device add [NAME] [--days N] [--dir DIR]',
      'device renew ID [--days N] [--dir DIR]',
      'device revoke ID [--dir DIR]',
      'device list [--json] [--dir DIR]',
    ],
    about: [],
    words: [
      [
        'add [NAME]',
        'issue a certificate to NAME.d.wott.local (a random name if none is given), in DIR/devices/NAME/: ca.crt, client.crt, client.key and combined.pem; prints the WoTT ID and the folder',
      ],
      [
        'renew ID',
        'issue a new certificate and key to a device, by WoTT ID or name, in the place of the files in its folder; the certificate that the device has stays valid until its own end',
      ],
      [
        'revoke ID',
        "put the certificates of a device, by WoTT ID or name, on the revocation list; a gateway that runs with it ends the device's connections",
      ],
      ['list', 'every device with the end of its certificate'],
    ],
    flags: { dir: DIR, days: DAYS, json: JSON_LINES } satisfies Flags,
    examples: [
      'wott-gateway device add kitchen --days 90',
      'wott-gateway device renew kitchen',
      'wott-gateway device list',
      'wott-gateway device revoke kitchen.d.wott.local',
    ],
  }),
  async run([action, ...args]) {
    await pickAction('device', ACTIONS, action)(args)
    return undefined
  },
}

async function add(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR, days: DAYS })
  requireWords(words, [], ['NAME'])
  const days = wholeNumber('--days', values.days, 1, 3650)
  const added = await inDirectory(values.dir, () => addDevice(values.dir, words[0], { days }))
  print(`${added.id}\t${added.directory}`)
}

async function renew(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR, days: DAYS })
  requireWords(words, ['ID'])
  const [name = ''] = words
  const days = wholeNumber('--days', values.days, 1, 3650)
  const renewed = await inDirectory(values.dir, () => renewDevice(values.dir, name, { days }))
  print(`${renewed.id}\t${renewed.directory}`)
}

async function revoke(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR })
  requireWords(words, ['ID'])
  const [name = ''] = words
  const { id, serials } = await inDirectory(values.dir, () => revokeDevice(values.dir, name))
  print(serials.length === 0 ? `${id} was revoked before` : `revoked ${id} (${serials.join(', ')})`)
}

async function list(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR, json: JSON_LINES })
  requireNoWords(words, 'dir')
  for (const entry of await inDirectory(values.dir, () => listDevices(values.dir)))
    print(values.json ? toJson(entry) : toLine(entry))
}

function toLine({ id, notAfter, revokedAt }: Device): string {
  const state =
    revokedAt !== null
      ? `revoked ${new Date(revokedAt).toISOString()}`
      : `${notAfter > Date.now() ? 'valid until' : 'expired'} ${new Date(notAfter).toISOString()}`
  return `${id}\t${state}`
}

function toJson({ id, name, directory, serial, notAfter, revokedAt }: Device): string {
  return JSON.stringify({
    ...{ id, name, directory, serial },
    notAfter: new Date(notAfter).toISOString(),
    revokedAt: revokedAt === null ? null : new Date(revokedAt).toISOString(),
  })
}
