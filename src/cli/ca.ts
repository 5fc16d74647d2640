import { caStatus, finishRotation, type LeftBehind, startRotation } from '../ca/rotation.ts'
import { listRoster } from '../enrol/roster.ts'
import { pickAction } from './actions.ts'
import { ArgumentsError, type Flags, readArguments, requireWords } from './arguments.ts'
import { type CliCommand, print } from './command.ts'
import { inDirectory, USUAL_DIRECTORY } from './directory.ts'
import { helpText } from './help.ts'

const FINISH = { type: 'boolean', help: 'rotate: remove the old CA and delete its key' } as const
const FORCE = {
  type: 'boolean',
  help: 'rotate --finish: finish even if some devices can then no longer connect',
} as const
const JSON_OBJECT = { type: 'boolean', help: 'status: print one JSON object' } as const

const ACTIONS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  status,
  rotate,
}

export const ca: CliCommand = {
  help: helpText({
    usage: ['ca status [DIR] [--json]', 'ca rotate [DIR]', 'ca rotate --finish [--force] [DIR]'],
    about: [
      `Replaces the device CA in DIR (default ${USUAL_DIRECTORY}) without interrupting the gateway or its devices.`,
    ],
    words: [
      [
        'status',
        'print the CAs in use, when they expire, and which devices already have a certificate of the new one',
      ],
      [
        'rotate',
        "add a second CA: it signs all new device certificates, and the gateway trusts both CAs. Every device still accepts the gateway's own certificate. Devices move to the new CA when they renew",
      ],
      [
        'rotate --finish',
        'remove the old CA: its certificates and its open invites become invalid, and its key is deleted. Refused while an active device has only a certificate of the old CA',
      ],
    ],
    flags: { finish: FINISH, force: FORCE, json: JSON_OBJECT } satisfies Flags,
    examples: [
      'wott-gateway ca rotate',
      'wott-gateway ca status',
      'wott-gateway ca rotate --finish',
    ],
  }),
  async run([action, ...args]) {
    await pickAction('ca', ACTIONS, action)(args)
    return undefined
  },
}

async function status(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { json: JSON_OBJECT })
  requireWords(words, [], ['DIR'])
  const [directory = USUAL_DIRECTORY] = words
  const { authorities, leftBehind } = await inDirectory(directory, () => caStatus(directory))
  const dated = authorities.map((one) => ({
    ...one,
    notAfter: new Date(one.notAfter).toISOString(),
  }))
  if (values.json) {
    print(JSON.stringify({ authorities: dated, leftBehind }))
    return
  }
  for (const { name, fingerprint, notAfter, role, devices } of dated)
    print(`${name}\t${ROLES[role]}\tuntil ${notAfter}\t${devices} devices\t${fingerprint}`)
  for (const device of leftBehind) print(toLine(device))
}

const ROLES = {
  only: 'the only CA',
  leaving: "old CA, signed the gateway's certificate",
  new: 'new CA, signs device certificates',
} as const

const WHY: Readonly<Record<LeftBehind['why'], string>> = {
  unmoved: 'has only a certificate of the old CA',
  unconfirmed: 'has not shown its certificate of the new CA yet',
}

function toLine({ id, why }: LeftBehind): string {
  return `${id}\t${WHY[why]}`
}

async function rotate(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { finish: FINISH, force: FORCE })
  requireWords(words, [], ['DIR'])
  const [directory = USUAL_DIRECTORY] = words
  if (values.force && !values.finish) throw new ArgumentsError('--force needs --finish')
  if (values.finish) {
    const { force } = values
    const broken = await inDirectory(directory, () => invitesOfOldCa(directory))
    const left = await inDirectory(directory, () => finishRotation(directory, { force }))
    print('the old CA is removed and its key is deleted')
    for (const { id } of left) print(`${id}\tlocked out`)
    for (const id of broken)
      print(`${id}\tits invite names the old CA and is no longer valid: invite it again`)
    return
  }
  const fingerprint = await inDirectory(directory, () => startRotation(directory))
  print(`added a second CA: ${fingerprint}`)
  print('devices move to it when they renew; after that run: wott-gateway ca rotate --finish')
}

/** The IDs of open invites during a rotation: their command lines contain the fingerprint of the old CA. */
async function invitesOfOldCa(directory: string): Promise<Set<string>> {
  const { authorities } = await caStatus(directory)
  if (authorities.length === 1) return new Set()
  const roster = await listRoster(directory)
  return new Set(roster.flatMap((one) => (one.kind === 'invited' ? [one.id] : [])))
}
