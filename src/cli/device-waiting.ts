import { quote } from '../acl/quote.ts'
import { approveKey, denyKey, listWaiting } from '../enrol/waiting-keys.ts'
import { readArguments, requireNoWords, requireWords } from './arguments.ts'
import { print } from './command.ts'
import { DEVICE_JSON_LINES, DIR, REPLACE } from './device-flags.ts'
import { inDirectory } from './directory.ts'

export async function waiting(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR, json: DEVICE_JSON_LINES })
  requireNoWords(words, 'dir')
  for (const { key, wanted, address, since, isTaken } of await inDirectory(values.dir, () =>
    listWaiting(values.dir),
  )) {
    const time = new Date(since).toISOString()
    print(
      values.json
        ? JSON.stringify({ fingerprint: key, name: wanted, address, since: time, active: isTaken })
        : // stops escape sequences: a stranger chose the name, and a terminal would obey them
          `${key}\t${wanted === null ? 'any name' : quote(wanted)}\tfrom ${address}\tsince ${time}${isTaken ? '\tthe name belongs to an active device' : ''}`,
    )
  }
}

export async function approve(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR, replace: REPLACE })
  requireWords(words, ['FINGERPRINT'], ['NAME'])
  const [fingerprint = '', name] = words
  const id = await inDirectory(values.dir, () =>
    approveKey(values.dir, fingerprint, { name, replace: values.replace }),
  )
  print(`approved as ${id}: the device gets its certificate when it asks again`)
}

export async function deny(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR })
  requireWords(words, ['FINGERPRINT'])
  const [fingerprint = ''] = words
  const { key, state } = await inDirectory(values.dir, () => denyKey(values.dir, fingerprint))
  print(`denied ${key}`)
  if (state.kind === 'approved')
    print(
      `its approval as ${state.id} is withdrawn; if it already has a certificate, that stays valid until "wott-gateway device revoke ${state.id}"`,
    )
}
