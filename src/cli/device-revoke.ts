import { listDevices, revokeDevice } from '../ca/devices.ts'
import { REVOCATION_REASONS, type RevocationReason } from '../ca/ledger-line.ts'
import { withdrawInvites } from '../enrol/operator.ts'
import { ArgumentsError, readArguments, requireWords } from './arguments.ts'
import { print } from './command.ts'
import { DIR, REASON } from './device-flags.ts'
import { inDirectory } from './directory.ts'
import { didYouMean } from './suggest.ts'

export async function revoke(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR, reason: REASON })
  requireWords(words, ['ID'])
  const [name = ''] = words
  const reason = reasonIn(values.reason)
  await inDirectory(values.dir, async () => {
    // before the certificates: with an open invite the device could return at once
    const withdrawn = await withdrawInvites(values.dir, name)
    if (withdrawn.length > 0) print(`withdrew the invite or approval of ${withdrawn[0]}`)
    const devices = await listDevices(values.dir)
    if (withdrawn.length > 0 && !devices.some(({ id }) => withdrawn.includes(id))) return
    const { id, serials } = await revokeDevice(values.dir, name, { reason })
    print(
      serials.length === 0 ? `${id} is already revoked` : `revoked ${id} (${serials.join(', ')})`,
    )
  })
}

function reasonIn(text: string): RevocationReason {
  const reason = REVOCATION_REASONS.find((one) => one.toLowerCase() === text.toLowerCase())
  if (reason !== undefined) return reason
  throw new ArgumentsError(
    `--reason must be one of ${REVOCATION_REASONS.join(', ')}, not ${JSON.stringify(text)}${didYouMean(text, [...REVOCATION_REASONS])}`,
  )
}
