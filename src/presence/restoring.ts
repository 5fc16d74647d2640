import type { Broker, BrokerLog } from '../broker/broker.ts'
import type { Delivery } from '../broker/delivery.ts'
import type { Catalog, TopicInfo } from '../catalog/catalog.ts'
import type { HeardTopic, HeardTopics } from './heard.ts'
import { GATEWAY_NAME, type OwnMessages } from './own-messages.ts'
import { isOwnStatus, NO_STATUS, stateIn } from './status-message.ts'
import type { StatusTopics } from './status-topics.ts'
import type { Statuses } from './statuses.ts'
import type { TopicWatch } from './watches.ts'

export interface RestoringOptions {
  readonly broker: Pick<Broker, 'retained'>
  /** The first part of the topics of the log. */
  readonly readTopics: BrokerLog['readTopics']
  readonly catalog: () => Catalog
  readonly statusTopics: StatusTopics
  readonly own: Pick<OwnMessages, 'put'>
  readonly watchesNumbers: boolean
  readonly heard: HeardTopics
  readonly statuses: Statuses
  watchOf(topic: string): TopicWatch
  /** A topic that has its first message; it is not in `heard` yet. */
  toHeard(delivery: Delivery, info: TopicInfo): HeardTopic
  noteNumber(topic: HeardTopic, payload: Buffer): void
  now(): number
}

/** A retained status message. */
interface Status {
  readonly device: string
  /** Null for the status of the device itself. */
  readonly topic: string | null
  readonly delivery: Delivery
}

const NO_BYTES = Buffer.alloc(0)
const MOST_FILTERS = 50

/** Fills `heard` with what devices sent before this process began: from the log, and from the status topics. */
export async function restoreHeard(options: RestoringOptions): Promise<void> {
  const { catalog, own, heard, statuses, watchOf, now } = options
  const began = now()
  const found = await readStatuses(options)
  const filters = filtersOf(catalog(), options.watchesNumbers)
  let after = ''
  while (filters.length > 0) {
    const page = await options.readTopics({ after, filters })
    for (const delivery of page.deliveries) restoreFromLog(options, delivery, found, began)
    if (page.reached === null) break
    after = page.reached
  }
  // topics whose messages are no longer in the log
  for (const { delivery, device, topic } of found.values()) {
    if (topic === null || heard.get(device, topic)) continue
    const { info, kind } = watchOf(topic)
    // the topics file no longer names it
    if (kind !== 'watched' || info.silenceMs === null) own.put(delivery.topic, NO_STATUS)
    else add(options, { ...delivery, device, topic, payload: NO_BYTES }, info, delivery, began)
  }
  for (const { device, topic } of found.values()) if (topic === null) statuses.refreshDevice(device)
}

/** The retained statuses of the gateway, by the device and its topic. */
async function readStatuses({
  broker,
  statusTopics,
  statuses,
}: RestoringOptions): Promise<Map<string, Status>> {
  const found = new Map<string, Status>()
  for (const delivery of await broker.retained(statusTopics.filter)) {
    const status = statusTopics.parse(delivery.topic)
    if (status === null || !isOwnStatus(delivery)) continue
    found.set(statusKey(status.device, status.topic), { ...status, delivery })
    if (status.topic === null) statuses.restoreDevice(status.device, `${delivery.payload}`)
  }
  return found
}

function restoreFromLog(
  options: RestoringOptions,
  delivery: Delivery,
  found: ReadonlyMap<string, Status>,
  began: number,
): void {
  const { device, topic, payload, retain } = delivery
  if (device === null || device === GATEWAY_NAME || (payload.length === 0 && retain)) return
  const { info, kind } = options.watchOf(topic)
  if (kind !== 'watched') return
  const known = options.heard.get(device, topic)
  const status = found.get(statusKey(device, topic))?.delivery
  if (known === undefined) add(options, delivery, info, status, began)
  // it sent something while the log was being read, and its status may be there already
  else known.published = stateIn(status)
}

function add(
  { heard, toHeard, noteNumber }: RestoringOptions,
  last: Delivery,
  info: TopicInfo,
  status: Delivery | undefined,
  began: number,
): void {
  const published = stateIn(status)
  const isOffline = published === 'offline' && last.received <= (status?.received ?? 0)
  const topic: HeardTopic = {
    ...toHeard(last, info),
    // the gateway was not running, so the device gets its whole time again
    heardAt: began,
    // a message that came after the status proves that the device was back
    state: isOffline ? 'offline' : 'online',
    published,
  }
  if (heard.add(topic)) noteNumber(topic, last.payload)
}

/** No topic holds U+0000 [MQTT-1.5.4-2]. */
function statusKey(device: string, topic: string | null): string {
  return topic === null ? device : `${device}\0${topic}`
}

/** Filters that cover all watched topics. */
function filtersOf({ silenceMs, entries }: Catalog, watchesNumbers: boolean): string[] {
  // every filter is tried for every topic
  if (silenceMs !== null || entries.length > MOST_FILTERS) return ['#']
  return entries
    .filter((entry) => watchesNumbers || typeof entry.silenceMs === 'number')
    .map(({ pattern }) => pattern)
}
