import type { Logger } from 'pino'
import type { LogLimit } from '../../log/log-limit.ts'
import type { Meter } from '../../metrics/meter.ts'
import type { UplinkMessage } from '../../uplink/message.ts'
import type { UplinkOptions } from '../../uplink/options.ts'
import { type RefusedMessage, unavailable } from '../../uplink/refusals.ts'
import type { Uplink } from '../../uplink/uplink.ts'
import { createApart } from './apart.ts'
import { createSuspects, type SenderId, type SuspectsOptions } from './suspects.ts'

export interface ContainmentOptions extends Pick<SuspectsOptions, 'longestMs' | 'most'> {
  /** The connection that all share. */
  uplink(): Pick<Uplink, 'publish' | 'state'>
  openApart(events: Pick<UplinkOptions, 'onCut'>): Uplink
  readonly deadlineMs: number
  readonly releaseMs: number
  readonly meter: Pick<Meter, 'uplinkSuspected' | 'uplinkRefused'>
  readonly log: Pick<Logger, 'warn'>
  readonly logLimited: LogLimit
}

const SUSPECTED =
  'the broker may have closed connections because of messages of this device; it now uses a separate connection'

/**
 * Publishes, and isolates devices whose messages make the other broker close the connection. Devices with unacknowledged messages
 * at that moment are suspects; a device that is suspected again publishes over a second connection until the broker has
 * acknowledged messages on the same topics there.
 */
export interface Containment {
  publish(message: UplinkMessage): Promise<void>
  /** The broker closed a connection while these messages were unacknowledged. */
  onCut(underway: readonly UplinkMessage[]): void
  suspects(): number
  /** Sees to it that the second connection, where there is one, works. */
  check(ms: number): Promise<void>
  close(): Promise<void>
}

export function createContainment(options: ContainmentOptions): Containment {
  const { meter, log, logLimited } = options
  const suspects = createSuspects({
    ...options,
    onSuspected(device, topic, { times }) {
      meter.uplinkSuspected()
      logLimited(`suspect\0${device}`, (repeated) =>
        log.warn({ device, topic, times, ...repeated }, SUSPECTED),
      )
    },
  })
  const apart = createApart({
    ...options,
    open: () => options.openApart({ onCut: suspects.lost }),
    refusalOf,
    onRefused: ({ reason }) => meter.uplinkRefused(reason),
    onAcknowledged: suspects.acknowledged,
  })

  function refusalOf(sender: SenderId): RefusedMessage | null {
    if (suspects.standing(sender) !== 'paused') return null
    const why = 'it closed the connection because of an earlier message of this device'
    return unavailable('suspect', why, suspects.pauseSeconds(sender))
  }

  async function publishTogether(message: UplinkMessage): Promise<void> {
    await options.uplink().publish(message)
    if (message.qos > 0) suspects.acknowledged(message)
  }

  return {
    publish(message) {
      const { sender = null } = message
      const standing = suspects.standing(sender)
      const isApart = standing !== 'trusted' || apart.holds(sender)
      // while the broker is away, everybody is refused at once
      const isAway = standing !== 'paused' && options.uplink().state() !== 'connected'
      return isApart && !isAway ? apart.publish(message) : publishTogether(message)
    },
    onCut: suspects.lost,
    suspects: suspects.count,
    check: apart.check,
    close: apart.close,
  }
}
