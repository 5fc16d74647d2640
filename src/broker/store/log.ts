import { randomBytes } from 'node:crypto'
import type {
  Delivery,
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
import type { Change, MetaKey } from './changes.ts'
import { byteLength, fromAppend, toCharacters, toColumn } from './columns.ts'
import type { StoreContext } from './store-context.ts'

export type MessageLog = ReturnType<typeof createMessageLog>

/** How long messages that nobody waits for are collected, and how many changes. */
const COLLECTED_MS = 100
const COLLECTED = 1_000
/** Bytes of them that may wait for the disk; the log does without what comes then. */
const MOST_WAITING_BYTES = 16 * 1024 * 1024
/** Numbers that are marked as given before they are, so that none is given twice, whatever crashes. */
export const BLOCK = 2 ** 32

/** Every message once, by its number. */
export function createMessageLog({ journal, onBound, onDamage, now }: StoreContext) {
  const meta = new Map<MetaKey, string>()
  const numberOf = (key: MetaKey) => Number(meta.get(key) ?? 0)
  let epoch = randomBytes(6).toString('hex')
  let start = 0
  let last = 0
  /** The number from which on more of them are marked as given. */
  let renewAt = 0
  let waiting: Change[] = []
  let waitingBytes = 0
  /** Called if what waits cannot be stored. */
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

  /** What the commit of a message has to hold. */
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

  /** Whoever resumes from before this number hears that messages may be missing. */
  function leaveOut(number: number, count = 1): void {
    onBound('log_overload', count)
    journal.later('overload', toMeta('overload', number))
  }

  /** Whoever resumes from before these hears that they are missing. */
  function noteDamaged(numbers: readonly number[]): void {
    const found = numbers.filter((number) => !damaged.has(number))
    if (found.length === 0) return
    for (const number of found) damaged.add(number)
    const highest = Math.max(numberOf('damaged'), ...found)
    journal.later('damaged', toMeta('damaged', highest))
    onDamage(found)
  }

  /** Resolves when all that was handed on can be read. */
  async function settled(): Promise<void> {
    flush()
    // what could not be stored is counted where that is found out
    await journal.append([]).catch(() => {})
  }

  return {
    /** A number of `meta`; 0 where there is none. */
    restored: numberOf,
    hasRestored: (key: MetaKey) => meta.has(key),
    /** By the store's clock. */
    now,
    restoreMeta: (key: MetaKey, value: string) => void meta.set(key, value),
    /** Starts to give numbers, above all that were given before. Resolves once that is stored. */
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
    /** Names the numbering: a number of another one says nothing here. */
    epoch: () => epoch,
    /** The numbering before there was a log; null where there was none. */
    oldNumbers: (): OldNumbers | null => {
      const oldEpoch = meta.get('oldEpoch')
      if (oldEpoch === undefined) return null
      return { epoch: oldEpoch, offset: numberOf('oldOffset'), latest: numberOf('oldLatest') }
    },
    /** Above all numbers that were given before this process. */
    start: () => start,
    /** The number of the latest message that was handed on. */
    latest: () => last,
    /** A number was given. */
    passed(number: number): void {
      last = number
      if (number <= renewAt) return
      renewAt = number + BLOCK / 2
      journal.later('mark', toMeta('mark', number + BLOCK))
    },
    toChange,
    flush,
    leaveOut,
    /** Whether the disk takes what nobody waits for as fast as it comes. */
    hasRoom,
    /**
     * Stores a message within a second, with a change that refers to it. Nobody waits for it: without room it is left out, unless
     * there is a change. `onLost` is called if the disk does not take it.
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
    /** The number that all of the log came after. */
    oldest: () => goneUpTo('trimmed'),
    /** Messages and their bytes; null without a disk, and until those from before the start are counted. */
    usage: () => journal.logState()?.usage ?? null,
    /** Why some of what came after this number may be missing. */
    gapsAfter(number: number): GapReason[] {
      const gaps = (['restart', 'overload', 'damaged'] as const).filter(
        (reason) => number < numberOf(reason),
      )
      return number < goneUpTo('thinned') ? ['expired', ...gaps] : gaps
    },
    awayAfter: () => 0,
    /** The first part of a range: what any of the filters covers. */
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
    /** Where a time falls. */
    async split(time: number): Promise<LogSplit> {
      await settled()
      return journal.split(time)
    },
    isDurable: journal.isDurable,
    /** How many damaged messages were found since the start. */
    damaged: () => damaged.size,
    /** Stores what waits, and that nothing is missing. */
    async end(): Promise<void> {
      flush()
      await journal
        .append([toMeta('mark', last), toMeta('clean', '1')])
        // the next start takes it for a crash, which is right
        .catch(() => {})
    },
  }
}
