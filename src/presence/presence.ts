import { createAlarm } from '../broker/alarm.ts'
import type { Broker, BrokerLog, Delivery } from '../broker/broker.ts'
import type { Catalog, TopicInfo } from '../catalog/catalog.ts'
import { numberIn } from '../metrics/readings.ts'
import { createTopicMemo } from '../topic/memo.ts'
import { topicProblem } from '../topic/topic.ts'
import { createHeardTopics, type Heard, type HeardBounds } from './heard.ts'
import { GATEWAY_NAME, type OwnMessages } from './own-messages.ts'
import type { StatusTopics } from './status-topics.ts'

export interface PresenceOptions extends HeardBounds {
  readonly broker: Pick<Broker, 'follow' | 'retained'>
  /** The first part of the topics of the log. */
  readonly readTopics: BrokerLog['readTopics']
  readonly catalog: () => Catalog
  readonly statusTopics: StatusTopics
  readonly own: Pick<OwnMessages, 'put'>
  /** Whether a topic can be watched at all; without it what was said before is taken back. */
  readonly isUsed: boolean
  /** Whether topics are watched that never fall silent, because the file names their numbers. */
  readonly watchesNumbers: boolean
  /** How long a silent topic is kept, in milliseconds. */
  readonly ttl: number
  /** Milliseconds by a clock that goes on evenly. */
  readonly now?: () => number
}

/** Knows which devices have fallen silent on which topics, and keeps their status topics true. */
export interface Presence {
  /** Reads from the log and from status topics what was heard before; to be called once. */
  restore(): Promise<void>
  /** The catalog is another one. */
  recheck(): void
  all(): Iterable<Heard>
  find(device: string, topic: string): Heard | undefined
  /** `listener` is told of a topic that is new, gone, or has its first number. It must not throw. */
  onChange(listener: (device: string, topic: string) => void): void
  /** How many messages were of topics that found no room. */
  readonly overflowed: number
  close(): Promise<void>
}

/** What is found out about a topic once. */
interface Watch {
  readonly info: TopicInfo
  readonly kind: 'status' | 'watched' | 'other'
  /** Whose topic it was last: mostly it has one device. */
  last: Heard | null
}

const REMEMBERED = { topics: 10_000, size: 1_000_000 }

export async function openPresence(options: PresenceOptions): Promise<Presence> {
  const { broker, catalog, statusTopics, own, ttl, now = () => performance.now() } = options
  const heard = createHeardTopics(options)
  const deviceSaid = new Map<string, string>()
  const watches = createTopicMemo(toWatch, REMEMBERED)
  const listeners: ((device: string, topic: string) => void)[] = []
  const alarm = createAlarm(sweep, now)

  function toWatch(topic: string): Watch {
    const info = catalog().of(topic)
    if (statusTopics.parse(topic) !== null) return { info, kind: 'status', last: null }
    const isWatched =
      !topic.startsWith('$') &&
      (info.silence !== null || (options.watchesNumbers && info.entry !== null)) &&
      topicProblem(statusTopics.ofTopic('', topic)) === null
    return { info, kind: isWatched ? 'watched' : 'other', last: null }
  }

  /** Every message passes here. */
  function note(delivery: Delivery): void {
    const { device, topic, payload } = delivery
    if (device === null || device === GATEWAY_NAME) return
    const watch = watches.of(topic)
    if (watch.kind === 'other') return
    if (watch.kind === 'status') {
      if (payload.length === 0 && delivery.retain) forgetCleared(topic)
      return
    }
    // whoever empties a retained topic need not be the device
    if (payload.length === 0 && delivery.retain) return
    const known = watch.last?.device === device ? watch.last : heard.get(device, topic)
    if (known === undefined) {
      const fresh = toHeard(delivery, watch.info)
      if (!heard.add(fresh)) return
      noteNumber(fresh, payload)
      comeBack(fresh)
      tell(fresh)
      return
    }
    watch.last = known
    known.heardAt = now()
    known.received = delivery.received
    if (noteNumber(known, payload)) tell(known)
    if (known.state === 'offline' || known.said === null) comeBack(known)
  }

  function toHeard({ device, topic, received }: Delivery, info: TopicInfo): Heard {
    return {
      device: device as string,
      topic,
      info,
      received,
      heardAt: now(),
      state: 'online',
      said: null,
      isNumber: false,
    }
  }

  /** Whether it is the first number. */
  function noteNumber(one: Heard, payload: Buffer): boolean {
    if (one.isNumber || !options.watchesNumbers || numberIn(payload) === null) return false
    one.isNumber = true
    return true
  }

  function tell({ device, topic }: Heard): void {
    for (const listener of listeners) listener(device, topic)
  }

  function comeBack(one: Heard): void {
    one.state = 'online'
    if (one.info.silence === null) return
    alarm.at(one.heardAt + one.info.silence)
    say(one)
  }

  /** Publishes what the status topics do not say yet. */
  function say(one: Heard): void {
    if (one.said !== one.state) {
      one.said = one.state
      own.put(statusTopics.ofTopic(one.device, one.topic), statusMessage(one))
    }
    sayDevice(one.device)
  }

  function sayDevice(device: string): void {
    let latest: Heard | null = null
    for (const one of heard.of(device)) {
      if (one.info.silence === null) continue
      if (latest === null || rank(one) > rank(latest)) latest = one
    }
    if (latest === null || deviceSaid.get(device) === latest.state) return
    deviceSaid.set(device, latest.state)
    own.put(statusTopics.ofDevice(device), statusMessage(latest))
  }

  /** Deals with those that have fallen silent. Returns when the next may. */
  function sweep(): number {
    const at = now()
    const oldest = Date.now() - ttl
    let next = Number.POSITIVE_INFINITY
    for (const one of heard.all()) {
      const { silence } = one.info
      if (one.state === 'offline' || silence === null) {
        if (one.received < oldest) forget(one)
        continue
      }
      if (one.heardAt + silence > at) {
        next = Math.min(next, one.heardAt + silence)
        continue
      }
      one.state = 'offline'
      say(one)
    }
    // those that are silent for too long are looked for now and then
    return Math.min(next, at + 60_000)
  }

  function isWatched(device: string): boolean {
    for (const { info } of heard.of(device)) if (info.silence !== null) return true
    return false
  }

  /** Its status topics are emptied. */
  function forget(one: Heard): void {
    heard.remove(one)
    watches.of(one.topic).last = null
    if (one.said !== null) own.put(statusTopics.ofTopic(one.device, one.topic), NOTHING)
    forgetDevice(one.device)
    tell(one)
  }

  function forgetDevice(device: string): void {
    if (isWatched(device)) sayDevice(device)
    else if (deviceSaid.delete(device)) own.put(statusTopics.ofDevice(device), NOTHING)
  }

  /** Somebody has emptied a status topic: what is gone for good is to be forgotten. */
  function forgetCleared(statusTopic: string): void {
    const status = statusTopics.parse(statusTopic)
    if (status === null) return
    const cleared = status.topic === null ? [...heard.of(status.device)] : []
    const one = status.topic === null ? undefined : heard.get(status.device, status.topic)
    for (const each of one ? [one] : cleared) forget(each)
  }

  async function restore(): Promise<void> {
    const began = now()
    const statuses = await readStatuses()
    const filters = filtersOf(catalog(), options.watchesNumbers)
    let after = ''
    while (filters.length > 0) {
      const page = await options.readTopics({ after, filters })
      for (const delivery of page.deliveries) restoreOne(delivery, statuses, began)
      if (page.reached === null) break
      after = page.reached
    }
    for (const { delivery, device, topic } of statuses.values()) {
      if (topic === null || heard.get(device, topic)) continue
      const { info, kind } = watches.of(topic)
      // the file does not name it any more
      if (kind !== 'watched' || info.silence === null) own.put(delivery.topic, NOTHING)
      else add({ ...delivery, device, topic, payload: NO_BYTES }, info, delivery, began)
    }
    for (const { device, topic } of statuses.values()) if (topic === null) forgetDevice(device)
    for (const one of heard.all()) {
      tell(one)
      if (one.info.silence !== null) say(one)
    }
    alarm.at(now())
  }

  /** What status topics say, by the device and its topic. */
  async function readStatuses(): Promise<Map<string, Status>> {
    const statuses = new Map<string, Status>()
    for (const delivery of await broker.retained(statusTopics.filter)) {
      const status = statusTopics.parse(delivery.topic)
      if (status === null || !isOwn(delivery)) continue
      statuses.set(keyOf(status.device, status.topic), { ...status, delivery })
      if (status.topic === null) deviceSaid.set(status.device, `${delivery.payload}`)
    }
    return statuses
  }

  function restoreOne(
    delivery: Delivery,
    statuses: ReadonlyMap<string, Status>,
    began: number,
  ): void {
    const { device, topic, payload, retain } = delivery
    if (device === null || device === GATEWAY_NAME || (payload.length === 0 && retain)) return
    const { info, kind } = watches.of(topic)
    if (kind !== 'watched') return
    const known = heard.get(device, topic)
    const status = statuses.get(keyOf(device, topic))?.delivery
    if (known === undefined) add(delivery, info, status, began)
    // it spoke while this was being read, and its status may be there already
    else known.said = toState(status)
  }

  function add(last: Delivery, info: TopicInfo, status: Delivery | undefined, began: number): void {
    const said = toState(status)
    const one: Heard = {
      ...toHeard(last, info),
      // nobody listened meanwhile: it may take as long as ever
      heardAt: began,
      // what came after its status says more
      state: said === 'offline' && last.received <= (status?.received ?? 0) ? 'offline' : 'online',
      said,
    }
    if (!heard.add(one)) return
    noteNumber(one, last.payload)
  }

  const unfollow = options.isUsed ? await broker.follow(note) : null
  return {
    restore,
    recheck() {
      watches.forget()
      for (const one of [...heard.all()]) {
        const { info, kind } = watches.of(one.topic)
        one.info = info
        if (kind !== 'watched') forget(one)
        else if (info.silence !== null) {
          one.state = one.heardAt + info.silence > now() ? 'online' : one.state
          say(one)
        } else if (one.said !== null) {
          one.said = null
          one.state = 'online'
          own.put(statusTopics.ofTopic(one.device, one.topic), NOTHING)
          forgetDevice(one.device)
        }
        tell(one)
      }
      alarm.at(now())
    },
    all: heard.all,
    find: heard.get,
    onChange: (listener) => void listeners.push(listener),
    get overflowed() {
      return heard.overflowed
    },
    async close() {
      alarm.stop()
      await unfollow?.()
    },
  }
}

interface Status {
  readonly device: string
  readonly topic: string | null
  readonly delivery: Delivery
}

const NOTHING = { payload: '', properties: null }
const NO_BYTES = Buffer.alloc(0)

function statusMessage({ state, received }: Heard) {
  return {
    payload: state,
    properties: {
      payloadFormatIndicator: 1,
      contentType: 'text/plain',
      userProperties: [[LAST_HEARD, new Date(received).toISOString()]],
    },
  } as const
}

const LAST_HEARD = 'last-heard'

/** Another broker does not say that a message is the gateway's: no device has that name. */
function isOwn({ device, properties }: Delivery): boolean {
  if (device !== null) return device === GATEWAY_NAME
  return properties?.userProperties?.some(([name]) => name === LAST_HEARD) ?? false
}

/** No topic holds U+0000 [MQTT-1.5.4-2]. */
function keyOf(device: string, topic: string | null): string {
  return topic === null ? device : `${device}\0${topic}`
}

function toState(status: Delivery | undefined): 'online' | 'offline' | null {
  const said = status?.payload.toString()
  return said === 'online' || said === 'offline' ? said : null
}

/** Of a device that topic counts which spoke last, and one that is not silent before all others. */
function rank({ state, received }: Heard): number {
  return state === 'online' ? Number.POSITIVE_INFINITY : received
}

const MOST_FILTERS = 50

/** Where watched topics are. */
function filtersOf({ silence, entries }: Catalog, watchesNumbers: boolean): string[] {
  // each is looked at for each topic
  if (silence !== null || entries.length > MOST_FILTERS) return ['#']
  return entries
    .filter((entry) => watchesNumbers || typeof entry.silence === 'number')
    .map(({ pattern }) => pattern)
}
