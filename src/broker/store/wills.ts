import type { Qos } from '../../topic/message.ts'
import type { Will } from '../session.ts'
import { fromColumn, ownMessage, toBuffer, toColumn } from './columns.ts'
import type { Ground } from './ground.ts'

/** A will that the store keeps. */
export interface KeptWill {
  readonly client: string
  readonly will: Will
  /** When it is to be published, in milliseconds since the Unix epoch; null while its client is connected. */
  due: number | null
}

/** The wills of connected clients, those that wait for their delay, and those that a crash left behind. */
export function createWills({ journal, ids }: Ground) {
  const wills = new Map<string, KeptWill>()

  return {
    /** Waits for the disk: the CONNACK that follows promises the will. */
    async put(client: string, { message, messageExpiry, delay }: Will): Promise<KeptWill> {
      const own = ownMessage(message)
      const kept: KeptWill = { client, will: { message: own, messageExpiry, delay }, due: null }
      wills.set(client, kept)
      const { topic, payload, qos, retain, properties } = own
      try {
        await journal.append([
          [
            'will',
            client,
            topic,
            payload,
            qos,
            retain ? 1 : 0,
            toColumn(properties),
            messageExpiry,
            delay,
            null,
          ],
        ])
      } catch (error) {
        if (wills.get(client) === kept) wills.delete(client)
        throw error
      }
      return kept
    },
    postpone(kept: KeptWill, due: number): void {
      kept.due = due
      // the row in the store is by now that of the will which took its place
      if (wills.get(kept.client) !== kept) return
      journal.later(`will ${ids.next()}`, ['dueWill', due, kept.client])
    },
    /** Removes this will, and not one that took its place. */
    remove(kept: KeptWill): void {
      if (wills.get(kept.client) !== kept) return
      wills.delete(kept.client)
      // after a will that is on its way, and before one that comes
      journal.later(`will ${ids.next()}`, ['dropWill', kept.client])
    },
    get: (client: string) => wills.get(client),
    all: () => wills.values(),
    restore(
      client: string,
      topic: string,
      payload: Uint8Array,
      qos: Qos,
      retain: 0 | 1,
      properties: string | null,
      messageExpiry: number | null,
      delay: number,
      due: number | null,
    ): void {
      const message = {
        topic,
        payload: toBuffer(payload),
        qos,
        retain: retain === 1,
        properties: fromColumn(properties),
      }
      wills.set(client, { client, will: { message, messageExpiry, delay }, due })
    },
  }
}
