import { isUtf8 } from 'node:buffer'
import type { Message } from '../topic/message.ts'
import { toJsonProperties } from '../topic/properties.ts'

export type EventFormat = 'json' | 'raw'

/** One message as one Server-Sent Event: the whole frame, blank line included. */
export function eventFrame(message: Message, id: string, format: EventFormat): Buffer {
  return toFrame(`id: ${id}`, format === 'json' ? toJson(message) : toText(message))
}

const LINE_END = /\r\n|\r|\n/g

/** Writes one `data:` line for each line of text: CR, LF and CRLF all end a line in an event stream. */
function toFrame(fields: string, data: string): Buffer {
  return Buffer.from(`${fields}\ndata: ${data.replace(LINE_END, '\ndata: ')}\n\n`)
}

/** Why messages may be missing after the id that a reader resumes from. */
export type GapCause = keyof typeof GAPS

const GAPS = {
  unknown_id: {
    message:
      'No message has this id. The retained messages follow, then everything in the history.',
  },
  expired: {
    message:
      'Some messages since this id are no longer in the history. The retained messages follow, then everything in the history.',
  },
  restart: {
    qos: 0,
    seconds: 1,
    message:
      'The gateway has crashed since then: QoS 0 messages of its last second may be missing. All others follow.',
  },
  overload: {
    qos: 0,
    message:
      'Since then QoS 0 messages arrived faster than the disk could store them: some may be missing. All others follow.',
  },
  damaged: {
    message:
      'Some messages since then are missing, because the disk has damaged them. All others follow.',
  },
  broker_away: {
    message:
      'The gateway could not reach its broker since then: messages from that time may be missing. All others follow.',
  },
} as const

export const GAP_CAUSES = Object.keys(GAPS) as GapCause[]

/** Tells the reader that messages may be missing between `lastEventId` and the next event, and why; `seconds`: for how long. */
export function gapFrame(
  id: string,
  lastEventId: string,
  reason: GapCause,
  seconds?: number,
): Buffer {
  return toFrame(`event: gap\nid: ${id}`, toGap(lastEventId, reason, seconds))
}

/** As `gapFrame`, but in the middle of a stream; it does not change where the reader resumes. */
export function gapFrameWithin(lastEventId: string, reason: GapCause, seconds: number): Buffer {
  return toFrame('event: gap', toGap(lastEventId, reason, seconds))
}

function toGap(lastEventId: string, reason: GapCause, seconds: number | undefined): string {
  const { message, ...more } = GAPS[reason]
  const length = seconds === undefined ? {} : { seconds }
  return JSON.stringify({ lastEventId, reason, ...more, ...length, message })
}

/** Tells the reader why the gateway ends a stream. */
export function endFrame(code: string, message: string): Buffer {
  return toFrame('event: end', JSON.stringify({ code, message }))
}

/** A comment, which keeps proxies from closing a quiet connection. */
export const HEARTBEAT = Buffer.from(':\n\n')

/** A heartbeat as an event with the gateway's time, for pages: an `EventSource` does not show comments to them. */
export function heartbeatFrame(now: number): Buffer {
  return toFrame('event: heartbeat', JSON.stringify({ time: new Date(now).toISOString() }))
}

/** How long a browser waits before it connects again, in milliseconds. */
export const RETRY = Buffer.from('retry: 2000\n\n')

/** A message as the data of its event, in one line. */
export function toJson(message: Message): string {
  return JSON.stringify(toObject(message))
}

/** A message as a JSON object; `received` only where the device gave the message a time of its own. */
export function toObject(message: Message): object {
  const { topic, payload, device, qos, retain, time, received, properties } = message
  const body = isUtf8(payload)
    ? { payload: payload.toString('utf8') }
    : { payloadBase64: payload.toString('base64') }
  return {
    topic,
    ...body,
    device,
    qos,
    retain,
    time: new Date(time).toISOString(),
    ...(time === received ? {} : { received: new Date(received).toISOString() }),
    ...(properties === null ? {} : { properties: toJsonProperties(properties) }),
  }
}

/** Bytes that are not UTF-8 become U+FFFD, because an event stream is text; the format `json` keeps such payloads. */
function toText({ payload }: Message): string {
  return payload.toString('utf8')
}
