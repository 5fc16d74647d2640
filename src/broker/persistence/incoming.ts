import { GatewayError } from '../../errors.ts'
import type { Change } from './changes.ts'
import type { Ground } from './ground.ts'
import { type ClientRef, ownPayload, type PublishPacket, stampOf, toProperties } from './packet.ts'
import type { Sessions } from './sessions.ts'

const NOTHING = Buffer.alloc(0)

/** A QoS 2 PUBLISH that came in and was not yet released by its PUBREL. */
interface Arrival {
  readonly client: string
  /** Whether its client's session outlives the connection, and so this does. */
  readonly lasting: boolean
  readonly messageId: number
  packet: PublishPacket
  /** Settles with what is being stored of it; never rejects. */
  underway: Promise<void> | undefined
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

  function remove({ client, messageId }: Arrival): void {
    const ofClient = arrivals.get(client)
    ofClient?.delete(messageId)
    if (ofClient?.size === 0) arrivals.delete(client)
  }

  /** Only remembers: nothing is owed before the fan-out is stored. */
  function store(client: ClientRef, packet: PublishPacket): void {
    const messageId = packet.messageId as number
    const { payload } = packet
    const arrival: Arrival = {
      client: client.id,
      lasting: !client.clean,
      messageId,
      packet: toArrived(packet, messageId, ownPayload(payload)),
      underway: undefined,
    }
    add(arrival)
    if (typeof payload === 'object') published.set(payload, arrival)
  }

  /**
   * Runs `work`, which stores the packet or its fan-out. Whoever asks for the arrival meanwhile
   * waits: a DUP acknowledged before the commit would be lost with a crash.
   */
  async function during({ payload }: PublishPacket, work: () => Promise<void>): Promise<void> {
    const arrival = typeof payload === 'object' ? published.get(payload) : undefined
    const done = work()
    if (arrival) arrival.underway = done.catch(() => remove(arrival))
    await done
  }

  /** What the commit of the packet's fan-out has to hold for its arrival. */
  function arrivalOf({ payload }: PublishPacket): Change[] {
    const arrival = typeof payload === 'object' ? published.get(payload) : undefined
    if (!arrival) return []
    // whoever publishes this payload once more is somebody else
    published.delete(payload as object)
    const { client, messageId, packet } = arrival
    // from here on only its identifier is asked for, by a DUP or by the PUBREL
    arrival.packet = { ...packet, payload: NOTHING }
    if (!arrival.lasting) return []
    sessions.open(client)
    return [['receive', client, messageId, packet.topic, ...stampOf(packet.properties)]]
  }

  return {
    store,
    during,
    arrivalOf,
    async get(client: string, messageId: number): Promise<PublishPacket> {
      await find(client, messageId).underway
      return find(client, messageId).packet
    },
    /** Waits for the disk: the identifier is free again once the client has the PUBCOMP. */
    async release(client: string, messageId: number): Promise<void> {
      const arrival = find(client, messageId)
      if (arrival.lasting) await journal.append([['forget', client, messageId]])
      if (arrivals.get(client)?.get(messageId) === arrival) remove(arrival)
    },
    async clean(client: string): Promise<void> {
      const ofClient = [...(arrivals.get(client)?.values() ?? [])]
      arrivals.delete(client)
      if (ofClient.some(({ lasting }) => lasting)) await journal.append([['forgetAll', client]])
    },
    restore(
      client: string,
      messageId: number,
      topic: string,
      device: string | null,
      time: number | null,
    ): void {
      const properties = toProperties(device, time)
      const packet = toArrived(
        { topic, payload: NOTHING, qos: 2, ...properties },
        messageId,
        NOTHING,
      )
      add({ client, lasting: true, messageId, packet, underway: undefined })
    },
  }
}

function toArrived(packet: PublishPacket, messageId: number, payload: PublishPacket['payload']) {
  const { topic, qos, retain = false, dup = false, properties } = packet
  const arrived: PublishPacket = { cmd: 'publish', topic, payload, qos, retain, dup, messageId }
  return properties ? { ...arrived, properties } : arrived
}
