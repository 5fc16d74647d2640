/**
 * Where the next message of a device goes: with those of all others, over the connection for suspects, or nowhere for some
 * seconds.
 */
export type Standing = 'trusted' | 'apart' | 'paused'

/** How the other broker ended a connection: while only this message was under way, or together with messages of others, or later ones. */
export type Evidence = 'alone' | 'together'

/** What is known against a device: the other broker ended connections while messages of it were under way. */
export interface Suspicion {
  readonly times: number
  /** How many of these times, in a row, it was one message alone. */
  readonly alone: number
  /** When it was the last time, in milliseconds. */
  readonly since: number
  /** The topics of these messages, without those acknowledged since; null where there were too many to remember. */
  readonly topics: ReadonlySet<string> | null
}

const SECOND = 1_000
/** A device is kept apart after this many times: once may be an accident, because brokers and networks fail, too. */
const TIMES_TO_PART = 2
const FIRST_APART_MS = 10 * SECOND
const LONGEST_PROBATION_MS = 60 * SECOND
const LONGEST_PAUSE_MS = 60 * SECOND
const MOST_TOPICS = 100

/** The connection ended while messages on these topics were under way. */
export function suspect(
  before: Suspicion | undefined,
  topics: Iterable<string>,
  evidence: Evidence,
  now: number,
): Suspicion {
  const { times = 0, alone = 0 } = before ?? {}
  const all = before?.topics === null ? null : new Set([...(before?.topics ?? []), ...topics])
  return {
    times: times + 1,
    alone: evidence === 'alone' ? alone + 1 : alone,
    since: now,
    topics: all && all.size > MOST_TOPICS ? null : all,
  }
}

/** A message on this topic was acknowledged, so it is not a topic that makes the broker end connections. */
export function acquit(suspicion: Suspicion, topic: string): Suspicion {
  if (!suspicion.topics?.has(topic)) return suspicion
  const topics = new Set(suspicion.topics)
  topics.delete(topic)
  return { ...suspicion, topics, alone: topics.size === 0 ? 0 : suspicion.alone }
}

/** The standing of a device now. It is kept apart for at most `longestMs` without another incident. */
export function standingOf(
  suspicion: Suspicion | undefined,
  now: number,
  longestMs: number,
): Standing {
  if (!suspicion || suspicion.times < TIMES_TO_PART) return 'trusted'
  const { times, topics } = suspicion
  const age = now - suspicion.since
  if (age >= Math.min(doubled(FIRST_APART_MS, times - TIMES_TO_PART), longestMs)) return 'trusted'
  if (age < pauseMs(suspicion)) return 'paused'
  // a device that mixes good and bad messages on one topic comes back more slowly each time
  const probationMs = Math.min(
    doubled(SECOND, times - TIMES_TO_PART) - SECOND,
    LONGEST_PROBATION_MS,
  )
  return topics?.size === 0 && age >= probationMs ? 'trusted' : 'apart'
}

/** For how many milliseconds after the last time its messages are refused, so that not each of them costs a connection. */
export function pauseMs({ alone }: Suspicion): number {
  return alone < TIMES_TO_PART
    ? 0
    : Math.min(doubled(SECOND, alone - TIMES_TO_PART), LONGEST_PAUSE_MS)
}

/** Whether nothing has happened for twice the longest time apart: a device that does it again soon after is still known. */
export function isForgotten(suspicion: Suspicion, now: number, longestMs: number): boolean {
  return now - suspicion.since >= 2 * longestMs
}

function doubled(milliseconds: number, times: number): number {
  return milliseconds * 2 ** Math.min(times, 30)
}
