import type { Hold } from '../../budget/ledger.ts'
import type { Qos } from '../../topic/message.ts'
import type { Will } from '../session.ts'
import { byteLength, fromColumn, ownMessage, toBuffer, toColumn } from './columns.ts'
import { deviceOf } from './device-totals.ts'
import type { StoreContext } from './store-context.ts'

/** A will in the store. */
export interface KeptWill {
  readonly client: string
  readonly will: Will
  /** When it is to be published, in milliseconds since the Unix epoch; null while its client is connected. */
  due: number | null
  readonly hold: Hold
}

/** Memory of a will, besides its topic, payload and properties, and the name of its client. */
const WILL_BYTES = 1_024

function willBytes(client: string, { message }: Will): number {
  return WILL_BYTES + Buffer.byteLength(client) + byteLength(message)
}

/** The wills of connected clients, those that wait for their delay, and those that a crash left behind. */
export function createWills({ journal, ids, memory }: StoreContext) {
  const wills = new Map<string, KeptWill>()

  function keep(client: string, will: Will, due: number | null): KeptWill {
    const kept = { client, will, due, hold: memory.open(deviceOf(client), 'will') }
    wills.get(client)?.hold.release()
    kept.hold.force(willBytes(client, will))
    wills.set(client, kept)
    return kept
  }

  function forget(kept: KeptWill): void {
    kept.hold.release()
    wills.delete(kept.client)
  }

  return {
    /** Waits for the disk, because the CONNACK that follows promises the will. */
    async put(client: string, { message, messageExpiry, delay }: Will): Promise<KeptWill> {
      const own = ownMessage(message)
      const kept = keep(client, { message: own, messageExpiry, delay }, null)
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
        if (wills.get(client) === kept) forget(kept)
        throw error
      }
      return kept
    },
    postpone(kept: KeptWill, due: number): void {
      kept.due = due
      // the row in the store already belongs to the will that replaced it
      if (wills.get(kept.client) !== kept) return
      journal.later(`will ${ids.next()}`, ['dueWill', due, kept.client])
    },
    /** Removes this will, but not one that replaced it. */
    remove(kept: KeptWill): void {
      if (wills.get(kept.client) !== kept) return
      forget(kept)
      // the order matters: after a will that is being stored, and before a later one
      journal.later(`will ${ids.next()}`, ['dropWill', kept.client])
    },
    /** Whether there is room in memory for a will of this client, in addition to its current one. */
    hasRoom(client: string, will: Will): boolean {
      const device = deviceOf(client)
      if (willBytes(client, will) <= memory.room(device, 'will')) return true
      memory.refuse(device, 'will')
      return false
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
      keep(client, { message, messageExpiry, delay }, due)
    },
  }
}
