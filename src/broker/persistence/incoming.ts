import { GatewayError } from '../../errors.ts'
import type { Change, Payload } from './changes.ts'
import type { Ground } from './ground.ts'
import {
  type ClientRef,
  ownPayload,
  type PublishPacket,
  type StampColumns,
  stampOf,
  toProperties,
} from './packet.ts'
import type { Sessions } from './sessions.ts'

const NOTHING = Buffer.alloc(0)

/** A QoS 2 PUBLISH that came in and was not yet released by its PUBREL. */
interface Arrival {
  readonly client: string
  readonly messageId: number
  /** Whether its client's session outlives the connection, and so this does. */
  readonly lasting: boolean
  packet: PublishPacket
  /** Whether the journal was told of it. */
  recorded: boolean
  /** Settles with what is being stored of it; never rejects. */
  underway?: Promise<void>
}

export type Incoming = ReturnType<typeof createIncoming>

/**
 * QoS 2 on its way in. An arrival is written down in the commit of its fan-out, neither before nor
 * after: a crash leaves both, and the DUP is only acknowledged, or none, and the DUP is a new message.
 */
export function createIncoming({ journal }: Ground, sessions: Sessions) {
  const arrivals = new Map<string, Map<number, Arrival>>()
  // aedes copies the packet on its way to the fan-out; what stays the same object is the payload
  const published = new WeakMap<object, Arrival>()

  function add(arrival: Arrival): void {
    const ofClient = arrivals.get(arrival.client) ?? new Map<number, Arrival>()
    arrivals.set(arrival.client, ofClient.set(arrival.messageId, arrival))
  }

  function find(client: string, messageId: number): Arrival {
    const arrival = arrivals.get(client)?.get(messageId)
    if (!arrival) throw new GatewayError('internal_error', 'no such packet')
    return arrival
  }

  function remove(arrival: Arrival): void {
    const { client, messageId } = arrival
    const ofClient = arrivals.get(client)
    if (ofClient?.get(messageId) === arrival) ofClient.delete(messageId)
    if (ofClient?.size === 0) arrivals.delete(client)
  }

  /** Only remembers: nothing is owed before the fan-out is stored. */
  function store({ id, clean }: ClientRef, packet: PublishPacket): void {
    const messageId = packet.messageId as number
    const { payload } = packet
    const own = toArrived(packet, messageId, ownPayload(payload))
    const arrival = { client: id, messageId, lasting: !clean, packet: own, recorded: false }
    add(arrival)
    if (typeof payload === 'object') published.set(payload, arrival)
  }

  function arrivalOf({ payload }: PublishPacket): Arrival | undefined {
    return typeof payload === 'object' ? published.get(payload) : undefined
  }

  /**
   * Runs `work`, which stores the packet or its fan-out. Whoever asks for the arrival meanwhile
   * waits: a DUP acknowledged before the commit would be lost with a crash.
   */
  async function during(packet: PublishPacket, work: () => Promise<void>): Promise<void> {
    const arrival = arrivalOf(packet)
    const done = work()
    if (arrival) arrival.underway = done.catch(() => remove(arrival))
    await done
  }

  /** What the commit of the packet's fan-out has to hold for its arrival. */
  function record(packet: PublishPacket): Change[] {
    const arrival = arrivalOf(packet)
    if (!arrival) return []
    // whoever publishes this payload once more is somebody else
    published.delete(packet.payload as object)
    // from here on only its identifier is asked for, by a DUP or by the PUBREL
    arrival.packet = { ...arrival.packet, payload: NOTHING }
    const { client, messageId, lasting } = arrival
    if (!lasting || !sessions.open(client)) return []
    arrival.recorded = true
    return [['receive', client, messageId, packet.topic, ...stampOf(packet)]]
  }

  return {
    store,
    during,
    record,
    async get(client: string, messageId: number): Promise<PublishPacket> {
      await find(client, messageId).underway
      return find(client, messageId).packet
    },
    /** Waits for the disk: the identifier is free again once the client has the PUBCOMP. */
    async release(client: string, messageId: number): Promise<void> {
      const arrival = find(client, messageId)
      if (arrival.recorded) await journal.append([['forget', client, messageId]])
      remove(arrival)
    },
    async clean(client: string): Promise<void> {
      const ofClient = [...(arrivals.get(client)?.values() ?? [])]
      arrivals.delete(client)
      if (ofClient.some(({ recorded }) => recorded)) await journal.append([['forgetAll', client]])
    },
    restore(client: string, messageId: number, topic: string, ...stamp: StampColumns): void {
      // of a session that ended, and left over
      if (!sessions.find(client)) return
      const packet = { topic, payload: NOTHING, qos: 2, ...toProperties(...stamp) } as const
      const own = toArrived(packet, messageId, NOTHING)
      add({ client, messageId, lasting: true, packet: own, recorded: true })
    },
  }
}

function toArrived(packet: PublishPacket, messageId: number, payload: Payload): PublishPacket {
  const { topic, qos, retain = false, dup = false } = packet
  const own = { topic, payload, qos, retain, dup, messageId }
  return { cmd: 'publish', ...own, ...toProperties(...stampOf(packet)) }
}
