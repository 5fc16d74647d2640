import { randomBytes } from 'node:crypto'
import type {
  GapReason,
  LatePage,
  LateRange,
  LogPage,
  LogRange,
  LogSplit,
  OldNumbers,
  TopicPage,
  TopicRange,
} from '../broker.ts'
import type { Delivery } from '../delivery.ts'
import type { Change, MetaKey } from './changes.ts'
import { byteLength, fromAppend, toCharacters, toColumn } from './columns.ts'
import type { StoreContext } from './store-context.ts'

export type MessageLog = ReturnType<typeof createMessageLog>

/** How long messages that nobody waits for are collected before a commit, and how many changes. */
const COLLECTED_MS = 100
const COLLECTED = 1_000
/** Bytes of collected messages that may wait for the disk; later ones are left out of the log. */
const MOST_WAITING_BYTES = 16 * 1024 * 1024
/** Numbers are marked as given in blocks of this size, in advance, so that none is given twice, even after a crash. */
export const BLOCK = 2 ** 32

/** The log: every message once, by its number. */
export function createMessageLog({ journal, onBound, onDamage, now }: StoreContext) {
  const meta = new Map<MetaKey, string>()
  const numberOf = (key: MetaKey) => Number(meta.get(key) ?? 0)
  let epoch = randomBytes(6).toString('hex')
  let start = 0
  let last = 0
  /** The number at which the next block is marked. */
  let renewAt = 0
  let waiting: Change[] = []
  let waitingBytes = 0
  /** Called if the collected changes cannot be stored. */
  let whenLost: (() => void)[] = []
  let underway = 0
  let timer: NodeJS.Timeout | undefined
  const damaged = new Set<number>()

  function toMeta(key: MetaKey, value: string | number): Change {
    meta.set(key, String(value))
    return ['meta', key, String(value)]
  }

  function goneUpTo(key: 'trimmed' | 'thinned'): number {
    return Math.max(numberOf(key), journal.logState()?.[key] ?? 0)
  }

  /** The change that stores a message. */
  function toChange(delivery: Delivery): Change {
    const { sequence, topic, payload, qos, retain, device, time, received, properties, expires } =
      delivery
    return [
      'append',
      sequence,
      topic,
      toCharacters(payload),
      qos,
      retain ? 1 : 0,
      device,
      received,
      toColumn(properties),
      expires,
      time === received ? null : time,
    ]
  }

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    if (waiting.length === 0) return
    const changes = waiting
    const bytes = waitingBytes
    const lost = whenLost
    waiting = []
    waitingBytes = 0
    whenLost = []
    underway += bytes
    const count = changes.filter(([name]) => name === 'append').length
    journal
      .append(changes)
      .catch(() => {
        leaveOut(last, count)
        for (const tell of lost) tell()
      })
      .finally(() => {
        underway -= bytes
      })
  }

  function hasRoom(): boolean {
    return waitingBytes + underway <= MOST_WAITING_BYTES
  }

  /** Readers that resume from before this number are told that messages may be missing. */
  function leaveOut(number: number, count = 1): void {
    onBound('log_overload', count)
    journal.later('overload', toMeta('overload', number))
  }

  /** Readers that resume from before these numbers are told that messages are missing. */
  function noteDamaged(numbers: readonly number[]): void {
    const found = numbers.filter((number) => !damaged.has(number))
    if (found.length === 0) return
    for (const number of found) damaged.add(number)
    const highest = Math.max(numberOf('damaged'), ...found)
    journal.later('damaged', toMeta('damaged', highest))
    onDamage(found)
  }

  /** Resolves when all delivered messages can be read. */
  async function settled(): Promise<void> {
    flush()
    // a failure is counted where the changes were made
    await journal.append([]).catch(() => {})
  }

  return {
    /** Restores a number of `meta`; 0 if there is none. */
    restored: numberOf,
    hasRestored: (key: MetaKey) => meta.has(key),
    /** By the store's clock. */
    now,
    restoreMeta: (key: MetaKey, value: string) => void meta.set(key, value),
    /** Starts to give numbers, above all earlier ones. Resolves once that is stored. */
    async begin(): Promise<void> {
      start = Math.max(numberOf('mark'), numberOf('last'))
      renewAt = start + BLOCK / 2
      last = start
      const isFirst = !meta.has('epoch')
      epoch = meta.get('epoch') ?? epoch
      const changes = [toMeta('epoch', epoch), toMeta('mark', start + BLOCK)]
      if (!isFirst && meta.get('clean') !== '1') changes.push(toMeta('restart', start))
      await journal.append([...changes, toMeta('clean', '0')])
    },
    /** Identifies the numbering: numbers of another one have no meaning here. */
    epoch: () => epoch,
    /** The numbering that was used before there was a log; null where there was none. */
    oldNumbers: (): OldNumbers | null => {
      const oldEpoch = meta.get('oldEpoch')
      if (oldEpoch === undefined) return null
      return { epoch: oldEpoch, offset: numberOf('oldOffset'), latest: numberOf('oldLatest') }
    },
    /** Greater than all numbers that were given before this process started. */
    start: () => start,
    /** The number of the latest delivered message. */
    latest: () => last,
    /** Notes that a number was given. */
    passed(number: number): void {
      last = number
      if (number <= renewAt) return
      renewAt = number + BLOCK / 2
      journal.later('mark', toMeta('mark', number + BLOCK))
    },
    toChange,
    flush,
    leaveOut,
    /** Whether the disk is fast enough for messages that nobody waits for. */
    hasRoom,
    /**
     * Stores a message within a second, with a change that refers to it. Nobody waits for it: if there is no room it is left
     * out, unless it has a change. `onLost` is called if the disk fails to store it.
     */
    note(delivery: Delivery, change?: Change, onLost?: () => void): void {
      if (!journal.isDurable) return
      if (change === undefined && !hasRoom()) {
        leaveOut(delivery.sequence)
        return
      }
      waiting.push(toChange(delivery))
      if (change) waiting.push(change)
      if (onLost) whenLost.push(onLost)
      waitingBytes += byteLength(delivery)
      if (waiting.length >= COLLECTED) flush()
      else timer ??= setTimeout(flush, COLLECTED_MS)
    },
    /** All messages in the log have greater numbers. */
    oldest: () => goneUpTo('trimmed'),
    /**
     * The number of messages, and their bytes; null without a disk, and until the messages from before the start are counted.
     */
    usage: () => journal.logState()?.usage ?? null,
    /** Why some messages after this number may be missing. */
    gapsAfter(number: number): GapReason[] {
      const gaps = (['restart', 'overload', 'damaged'] as const).filter(
        (reason) => number < numberOf(reason),
      )
      return number < goneUpTo('thinned') ? ['expired', ...gaps] : gaps
    },
    awayAfter: () => 0,
    /** The first part of a range: the messages that any filter covers. */
    async read(range: LogRange): Promise<LogPage> {
      await settled()
      const { rows, ...page } = await journal.read(range)
      noteDamaged(page.damaged)
      return { ...page, deliveries: rows.map((row) => fromAppend(...row)) }
    },
    /** The first part of the topics: the latest message of each. */
    async readTopics(range: TopicRange): Promise<TopicPage> {
      await settled()
      const { rows, ...page } = await journal.readTopics(range)
      noteDamaged(page.damaged)
      return { ...page, deliveries: rows.map((row) => fromAppend(...row)) }
    },
    /** The first part of the late messages. */
    async readLate(range: LateRange): Promise<LatePage> {
      await settled()
      const { rows, ...page } = await journal.readLate(range)
      noteDamaged(page.damaged)
      return { ...page, deliveries: rows.map((row) => fromAppend(...row)) }
    },
    /** The place of a time of arrival. */
    async split(time: number): Promise<LogSplit> {
      await settled()
      return journal.split(time)
    },
    isDurable: journal.isDurable,
    /** How many damaged messages were found since the start. */
    damaged: () => damaged.size,
    /** Stores all collected changes, and that nothing is missing. */
    async end(): Promise<void> {
      flush()
      await journal
        .append([toMeta('mark', last), toMeta('clean', '1')])
        // the next start then assumes a crash, which is right
        .catch(() => {})
    },
  }
}
