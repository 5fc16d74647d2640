import { setImmediate } from 'node:timers/promises'
import { COMMANDS_CLIENT_ID, type Session } from '../broker/session.ts'
import type { BrokerSessions } from '../broker/session-broker.ts'
import { waitingFor } from '../broker/waiting.ts'
import type { LiveConnection } from '../identity/connection.ts'
import type { ProxiedDevice } from '../identity/proxy/proxied-senders.ts'
import type { Hub, Reader } from '../live/hub.ts'
import { namedAt } from '../log/named.ts'
import { addressOf } from '../net/address.ts'

/** Who is connected, or has a session that waits for it; the members are in the order that people read. */
export interface ClientRow {
  readonly device?: string
  readonly viewer?: string
  /** The MQTT client id. */
  readonly client?: string
  readonly kind: 'mqtt' | 'commands' | 'stream' | 'https'
  readonly state: 'connected' | 'away'
  readonly door?: string
  readonly address?: string | undefined
  /** When it connected; of a client that is away, when it left. */
  readonly since: string
  /** The version of MQTT. */
  readonly protocol?: string
  /** How many, and the first of them. */
  readonly filters?: { readonly count: number; readonly first: readonly string[] }
  readonly queue?: {
    readonly messages: number
    readonly bytes: number
    readonly oldest: string | null
  }
  /** When the session of a client that is away ends. */
  readonly sessionEnds?: string
  readonly certificateEnds?: string
}

export interface Present {
  readonly sessions: Pick<BrokerSessions, 'all'>
  readonly hub: Pick<Hub, 'readers'>
  readonly connections: { all(): Iterable<LiveConnection> }
  /** Devices that come through a proxy. */
  proxied(): Iterable<ProxiedDevice>
  /** When the certificate of a device ends; undefined where that is not known. */
  certificateEnd(device: string): number | undefined
}

/** Rows that are made in one turn of the event loop: about a fifth of a millisecond. */
const ROWS_A_TURN = 25
/** Clients that are looked at in one turn, where few of them are asked for. */
const LOOKED_AT_A_TURN = 500
const FIRST_FILTERS = 10

/** Everybody, or those with one of these names: a WoTT ID, a viewer's name or a client id. */
export async function* listClients(
  present: Present,
  names: ReadonlySet<string> | null,
): AsyncGenerator<readonly ClientRow[]> {
  let rows: ClientRow[] = []
  let looked = 0
  for (const { called, row } of everybody(present)) {
    looked += 1
    if (!names || called.some((name) => names.has(name))) rows.push(withEnd(row(), present))
    if (rows.length < ROWS_A_TURN && looked < LOOKED_AT_A_TURN) continue
    if (rows.length > 0) yield rows
    rows = []
    looked = 0
    await setImmediate()
  }
  if (rows.length > 0) yield rows
}

interface Someone {
  readonly called: readonly string[]
  row(): ClientRow
}

function* everybody({ sessions, hub, connections, proxied }: Present): Generator<Someone> {
  for (const session of sessions.all())
    yield { called: [session.device, session.clientId], row: () => toMqtt(session) }
  for (const reader of hub.readers())
    yield { called: [reader.from.id], row: () => toStream(reader) }
  // connections that speak MQTT are listed by their sessions
  for (const connection of connections.all())
    if (!connection.speaksMqtt) yield { called: [connection.id], row: () => toHttps(connection) }
  for (const device of proxied()) yield { called: [device.id], row: () => toProxied(device) }
}

function toMqtt(session: Session): ClientRow {
  const { device, clientId: client, link, lastSeen, expiry, subscriptions } = session
  const { oldest, ...counts } = waitingFor(session)
  const filters = filtersOf(subscriptions.size, subscriptions.keys())
  const queue = { ...counts, oldest: oldest === null ? null : text(oldest) }
  const kind = client === COMMANDS_CLIENT_ID ? 'commands' : 'mqtt'
  const who = { device, client, kind } as const
  if (!link) {
    const times = { since: text(lastSeen), sessionEnds: text(lastSeen + expiry * 1000) }
    return { ...who, state: 'away', ...times, filters, queue }
  }
  const { door, address, since, protocol } = link.whereabouts()
  const where = { door, address, since: text(since), protocol }
  return { ...who, state: 'connected', ...where, filters, queue }
}

function toStream({ from: { door, id, address, since }, filters }: Reader): ClientRow {
  return {
    ...namedAt(door, id),
    kind: 'stream',
    state: 'connected',
    door,
    address,
    since: text(since),
    filters: filtersOf(filters.length, filters),
  }
}

function toHttps({ id, door, socket, since }: LiveConnection): ClientRow {
  const where = { door, address: addressOf(socket), since: text(since) }
  return { device: id, kind: 'https', state: 'connected', ...where }
}

/** Only the proxy knows the device's address and connection. */
function toProxied({ id, since }: ProxiedDevice): ClientRow {
  return { device: id, kind: 'https', state: 'connected', door: 'proxy', since: text(since) }
}

function withEnd(row: ClientRow, { certificateEnd }: Pick<Present, 'certificateEnd'>): ClientRow {
  const end = row.device === undefined ? undefined : certificateEnd(row.device)
  return end === undefined ? row : { ...row, certificateEnds: text(end) }
}

function filtersOf(count: number, all: Iterable<string>) {
  const first: string[] = []
  for (const filter of all) {
    if (first.length === FIRST_FILTERS) break
    first.push(filter)
  }
  return { count, first }
}

/** A session may end later than the last date that JavaScript knows. */
function text(time: number): string {
  return new Date(Math.min(time, LAST_DATE)).toISOString()
}

const LAST_DATE = 8.64e15
