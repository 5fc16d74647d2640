import type { Delivery } from '../broker/delivery.ts'
import { ENTRY_BYTES } from '../broker/store/retention.ts'
import { fromJsonProperties, toJsonProperties } from '../topic/properties.ts'
import { createPages, type Page, type Place } from './pages.ts'
import type { Row, RowField } from './row.ts'
import type { Links, RowChain } from './row-chain.ts'

/**
 * Why a message is in memory. `RECENT`: there is room for it. `SPARED`: its device has more than its share, but it is the latest of
 * its topic. `KEPT`: all other messages of its age were dropped, but it is the latest of its topic.
 */
export const RECENT = 0
export const SPARED = 1
export const KEPT = 2
export type RowStanding = typeof RECENT | typeof SPARED | typeof KEPT

/** A topic of rows. */
export interface RowTopic {
  readonly name: string
  /** Its latest message; 0 if that is no longer in memory. */
  latest: Row
}

/** A number of rows, and their bytes. */
export interface RowTally {
  entries: number
  bytes: number
}

/** The rows of one device. */
export interface RowOwner extends RowTally {
  readonly device: string | null
  /** Its recent messages, oldest first. */
  readonly recent: RowChain
  /** Messages that stay only because they are the latest of their topics. */
  readonly latestOnly: RowTally
}

/** A message in memory, to be read when it is needed. It stays valid when its row moves or is removed. */
export interface Stored extends Place {
  readonly topic: string
  readonly device: string | null
}

/**
 * Messages outside V8's heap. Half a million objects there, most of which stay for long, would make its garbage collector stop
 * everything for 15 ms again and again.
 */
export interface Rows extends Links {
  add(delivery: Delivery, topic: RowTopic, owner: RowOwner, addedAt: number): Row
  remove(row: Row): void
  topic(row: Row): RowTopic
  owner(row: Row): RowOwner
  sequence(row: Row): number
  received(row: Row): number
  time(row: Row): number
  /** When it was added, by the clock of the history. */
  addedAt(row: Row): number
  /** Bytes that count towards the bounds. */
  counted(row: Row): number
  message(row: Row): Stored
  readonly standing: RowField<RowStanding>
}

// a row in units of 8 bytes, then in units of 4, then its payload and the JSON of its properties
const SEQUENCE = 0
const RECEIVED = 1
const TIME = 2
const ADDED_AT = 3
const EXPIRES = 4
const ROW = 10
const SIZE = 11
const PAYLOAD = 12
const PROPERTIES = 13
const COUNTED = 14
const BEFORE = 15
const AFTER = 16
const STANDING = 17
const QOS = 18
const RETAIN = 19
const HEAD = 80

export function createRows(): Rows {
  const pages = createPages()
  // by row
  const pageOf: (Page | null)[] = [null]
  const offsetOf: number[] = [0]
  const topicOf: (RowTopic | null)[] = [null]
  const ownerOf: (RowOwner | null)[] = [null]
  const free: Row[] = []

  const double = (row: Row, field: number) =>
    (pageOf[row] as Page).doubles[((offsetOf[row] as number) >> 3) + field] as number

  const integer = (row: Row, field: number) =>
    (pageOf[row] as Page).integers[((offsetOf[row] as number) >> 2) + field] as number

  function column<T extends number>(field: number): RowField<T> {
    return {
      get: (row) => integer(row, field) as T,
      set(row, value) {
        const { integers } = pageOf[row] as Page
        integers[((offsetOf[row] as number) >> 2) + field] = value
      },
    }
  }

  /** Moves the rows of a page where others are, so that it can be freed. */
  function empty(page: Page): void {
    const { bytes, integers, end } = page
    for (let offset = 0; offset < end; ) {
      const row = integers[(offset >> 2) + ROW] as Row
      const size = integers[(offset >> 2) + SIZE] as number
      if (pageOf[row] === page && offsetOf[row] === offset) {
        const to = pages.reserve(size)
        const start = to.end - size
        bytes.copy(to.bytes, start, offset, offset + size)
        pages.release(page, size)
        pageOf[row] = to
        offsetOf[row] = start
      }
      offset += size
    }
    pages.remove(page)
  }

  return {
    add(delivery, topic, owner, addedAt) {
      const { payload } = delivery
      const properties = propertiesText(delivery)
      const propertiesSize = properties === null ? -1 : Buffer.byteLength(properties)
      const size = (HEAD + payload.length + Math.max(propertiesSize, 0) + 7) & ~7
      const page = pages.reserve(size)
      const offset = page.end - size
      const row = free.pop() ?? pageOf.length
      pageOf[row] = page
      offsetOf[row] = offset
      topicOf[row] = topic
      ownerOf[row] = owner

      const { bytes, doubles, integers } = page
      const double = offset >> 3
      doubles[double + SEQUENCE] = delivery.sequence
      doubles[double + RECEIVED] = delivery.received
      doubles[double + TIME] = delivery.time
      doubles[double + ADDED_AT] = addedAt
      doubles[double + EXPIRES] = delivery.expires ?? Number.NaN
      const integer = offset >> 2
      integers[integer + ROW] = row
      integers[integer + SIZE] = size
      integers[integer + PAYLOAD] = payload.length
      integers[integer + PROPERTIES] = propertiesSize
      integers[integer + COUNTED] = countedBytes(delivery, properties)
      integers[integer + BEFORE] = 0
      integers[integer + AFTER] = 0
      integers[integer + STANDING] = RECENT
      integers[integer + QOS] = delivery.qos
      integers[integer + RETAIN] = delivery.retain ? 1 : 0
      bytes.set(payload, offset + HEAD)
      if (properties !== null) bytes.write(properties, offset + HEAD + payload.length)

      const sparse = pages.sparse()
      if (sparse) empty(sparse)
      return row
    },
    remove(row) {
      pages.release(pageOf[row] as Page, integer(row, SIZE))
      pageOf[row] = null
      topicOf[row] = null
      ownerOf[row] = null
      free.push(row)
    },
    sequence: (row) => double(row, SEQUENCE),
    received: (row) => double(row, RECEIVED),
    time: (row) => double(row, TIME),
    addedAt: (row) => double(row, ADDED_AT),
    counted: (row) => integer(row, COUNTED),
    topic: (row) => topicOf[row] as RowTopic,
    owner: (row) => ownerOf[row] as RowOwner,
    message(row) {
      const page = pageOf[row] as Page
      page.isShared = true
      return {
        page,
        offset: offsetOf[row] as number,
        topic: (topicOf[row] as RowTopic).name,
        device: (ownerOf[row] as RowOwner).device,
      }
    },
    standing: column(STANDING),
    before: column(BEFORE),
    after: column(AFTER),
  }
}

/** Makes the message again; its payload is a view of the page. */
export function readStored({ page, offset, topic, device }: Stored): Delivery {
  const { bytes, doubles, integers } = page
  const double = offset >> 3
  const integer = offset >> 2
  const payloadStart = offset + HEAD
  const payloadEnd = payloadStart + (integers[integer + PAYLOAD] as number)
  const propertiesSize = integers[integer + PROPERTIES] as number
  return {
    topic,
    payload: bytes.subarray(payloadStart, payloadEnd),
    qos: integers[integer + QOS] as Delivery['qos'],
    retain: integers[integer + RETAIN] === 1,
    device,
    time: doubles[double + TIME] as number,
    received: doubles[double + RECEIVED] as number,
    properties:
      propertiesSize < 0
        ? null
        : fromJsonProperties(
            JSON.parse(bytes.toString('utf8', payloadEnd, payloadEnd + propertiesSize)),
          ),
    expires: expiresOf({ page, offset }),
    sequence: doubles[double + SEQUENCE] as number,
  }
}

/** When the message expires, in milliseconds by the clock of the broker; null for never. */
export function expiresOf({ page, offset }: Place): number | null {
  const expires = page.doubles[(offset >> 3) + EXPIRES] as number
  return Number.isNaN(expires) ? null : expires
}

function propertiesText({ properties }: Delivery): string | null {
  return properties && JSON.stringify(toJsonProperties(properties))
}

function countedBytes({ topic, payload }: Delivery, properties: string | null): number {
  return ENTRY_BYTES + topic.length + payload.length + (properties?.length ?? 0)
}
