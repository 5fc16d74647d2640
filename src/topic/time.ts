import type { Message, MessageProperties } from './message.ts'

/** The user property that says when a message was measured: as text that `parseTime` takes. */
export const TIME_PROPERTY = 'time'

/** How far the time of a reading may be from its arrival, in milliseconds. */
export interface TimeBounds {
  readonly pastMs: number
  readonly futureMs: number
}

const RFC_3339 =
  /^(\d{4}-\d\d-\d\d)[Tt ](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/
const UNIX = /^\d{1,16}(?:\.\d{1,9})?$/
/** The last time that a Date can tell (ECMA-262 §21.4.1.1). */
const LAST_TIME = 8.64e15
/** Unix times below are seconds, until the year 5138; those above milliseconds, since 1973. */
const FIRST_MILLISECONDS = 1e11

/** The formats that `parseTime` accepts, for error messages. */
export const TIME_FORM =
  'a time such as 2026-11-24T08:00:00Z or 1795507200 (Unix seconds or milliseconds)'

/** RFC 3339, Unix seconds or Unix milliseconds as milliseconds since the Unix epoch; null for anything else. */
export function parseTime(text: string): number | null {
  const time = UNIX.test(text)
    ? Math.floor(Number(text) * (Number(text) < FIRST_MILLISECONDS ? 1000 : 1))
    : parseRfc3339(text)
  return time >= 0 && time <= LAST_TIME ? time : null
}

/** A day that is in the calendar: nearly all times are of the same day as the one before. */
let knownDay = ''

/** RFC 3339 as milliseconds since the Unix epoch; NaN for anything else, and for a day that no calendar has. */
export function parseRfc3339(text: string): number {
  const [, day] = RFC_3339.exec(text) ?? []
  if (day === undefined || !(day === knownDay || isDay(day))) return Number.NaN
  knownDay = day
  return Date.parse(text.toUpperCase().replace(' ', 'T'))
}

function isDay(text: string): boolean {
  // February 30 is March 2 for Date.parse
  return !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text)
}

/** The time in the first user property `time`; null when there is none, or it is not a time. */
export function timeIn(properties: MessageProperties | null): number | null {
  const found = properties?.userProperties?.find(([name]) => name === TIME_PROPERTY)
  return found ? parseTime(found[1]) : null
}

/** Whether a measured time is near enough to its arrival; both in milliseconds since the Unix epoch. */
export function isWithin(
  time: number,
  received: number,
  { pastMs, futureMs }: TimeBounds,
): boolean {
  return time >= received - pastMs && time <= received + futureMs
}

/** Times this near to each other, in milliseconds, are found in the same place of the log. */
const NEAR_MS = 30_000

/** Whether a message has to be looked for by its own time, as its arrival is too far from it. */
export function isLate({ time, received }: Pick<Message, 'time' | 'received'>): boolean {
  return Math.abs(time - received) > NEAR_MS
}

/** SQL of the same. */
export const IS_LATE = (time: string, received: string) => `abs(${time} - ${received}) > ${NEAR_MS}`

/** The properties that tell others all there is to know of a message: with a user property `time` where it has a time of its own. */
export function timedProperties({
  time,
  received,
  properties,
}: Pick<Message, 'time' | 'received' | 'properties'>): MessageProperties | null {
  return time === received ? properties : withTime(properties, time)
}

/** The properties with a user property that says when their message was measured. */
export function withTime(
  properties: MessageProperties | null,
  time: number,
): MessageProperties | null {
  if (timeIn(properties) === time) return properties
  const own = [TIME_PROPERTY, new Date(time).toISOString()] as const
  return { ...properties, userProperties: [own, ...(properties?.userProperties ?? [])] }
}
