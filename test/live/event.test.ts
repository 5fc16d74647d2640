import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  endFrame,
  eventFrame,
  type GapCause,
  gapFrame,
  gapFrameWithin,
  HEARTBEAT,
  heartbeatFrame,
  RETRY,
} from '../../src/live/event.ts'
import type { Message } from '../../src/topic/message.ts'
import { message } from '../support/message.ts'

interface Parsed {
  readonly id: string
  readonly event: string
  readonly data: string
}

/** "Interpreting an event stream" of the HTML standard, step by step. */
function parse(stream: string): { events: Parsed[]; retry: number | null } {
  const events: Parsed[] = []
  let [id, event, data] = ['', '', '']
  let retry: number | null = null
  const lines = stream.replace(/^\ufeff/, '').split(/\r\n|\r|\n/)
  lines.pop() // an incomplete line is not dispatched
  for (const line of lines) {
    if (line === '') {
      if (data !== '') events.push({ id, event, data: data.replace(/\n$/, '') })
      ;[event, data] = ['', '']
      continue
    }
    const colon = line.indexOf(':')
    if (colon === 0) continue
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') event = value
    else if (field === 'data') data += `${value}\n`
    else if (field === 'id' && !value.includes('\0')) id = value
    else if (field === 'retry' && /^\d+$/.test(value)) retry = Number(value)
  }
  return { events, retry }
}

const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom('\r', '\n', '\r\n', '\n\n', ' ', ':', '\0', '\ufeff', '\u2028'),
      fc.constantFrom('event: gap', 'id: 9-9', 'retry: 1', 'data: x', 'data', '{"topic":'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join('').toWellFormed())

const plain = (more: Partial<Message>) =>
  message('a', '1', { device: null, time: 0, received: 0, ...more })

describe('an event', () => {
  it('has exactly the fields of the message in JSON, whatever they contain', () => {
    fc.assert(
      fc.property(hostile, fc.uint8Array({ maxLength: 20 }), hostile, (topic, bytes, device) => {
        for (const payload of [Buffer.from(bytes), Buffer.from(topic)]) {
          const sent = plain({
            topic,
            payload,
            device,
            qos: 1,
            retain: true,
            time: 1,
            received: 1,
          })
          const { events, retry } = parse(eventFrame(sent, 'e-1', 'json').toString())
          assert.equal(retry, null)
          assert.equal(events.length, 1)
          assert.deepEqual([events[0]?.id, events[0]?.event], ['e-1', ''])
          const { payload: text, payloadBase64, ...rest } = JSON.parse(String(events[0]?.data))
          const time = '1970-01-01T00:00:00.001Z'
          assert.deepEqual(rest, { topic, device, qos: 1, retain: true, time })
          const arrived =
            text === undefined ? Buffer.from(payloadBase64, 'base64') : Buffer.from(text)
          assert.deepEqual(arrived, payload)
          assert.equal([text, payloadBase64].filter((body) => body !== undefined).length, 1)
        }
      }),
    )
  })

  it('has the time of measurement and, if that differs, of arrival', () => {
    const [event] = parse(
      eventFrame(plain({ time: 1, received: 2 }), 'e-1', 'json').toString(),
    ).events
    const { time, received } = JSON.parse(String(event?.data))
    assert.deepEqual([time, received], ['1970-01-01T00:00:00.001Z', '1970-01-01T00:00:00.002Z'])
  })

  it('has the properties of the message in JSON, if any', () => {
    const frame = (properties: Message['properties']) =>
      eventFrame(plain({ properties, expires: 1 }), 'e-1', 'json').toString()
    const [event] = parse(
      frame({
        contentType: 'a\nb',
        responseTopic: 'c',
        payloadFormatIndicator: 1,
        correlationData: Buffer.from([0, 255]),
        userProperties: [
          ['b', '1'],
          ['a', '2'],
          ['b', '3'],
        ],
      }),
    ).events
    assert.deepEqual(JSON.parse(String(event?.data)), {
      topic: 'a',
      payload: '1',
      device: null,
      qos: 0,
      retain: false,
      time: '1970-01-01T00:00:00.000Z',
      properties: {
        contentType: 'a\nb',
        responseTopic: 'c',
        payloadFormatIndicator: 1,
        correlationData: 'AP8=',
        userProperties: [
          ['b', '1'],
          ['a', '2'],
          ['b', '3'],
        ],
      },
    })
    assert.doesNotMatch(frame(null), /properties/)
    const raw = eventFrame(plain({ properties: { contentType: 'x' } }), 'e-1', 'raw')
    assert.equal(raw.toString(), 'id: e-1\ndata: 1\n\n')
  })

  it('has the lines of the payload in raw format', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const sent = plain({ payload: Buffer.from(text) })
        const { events, retry } = parse(eventFrame(sent, 'e-1', 'raw').toString())
        assert.deepEqual(events, [{ id: 'e-1', event: '', data: text.replace(/\r\n|\r/g, '\n') }])
        assert.equal(retry, null)
      }),
    )
  })

  it('has one line of data in JSON', () => {
    const frame = eventFrame(plain({ payload: Buffer.from('a\nb') }), 'e-1', 'json')
    assert.match(frame.toString(), /^id: e-1\ndata: \{.*\}\n\n$/)
  })

  it('has one line of data in raw format where the payload is empty', () => {
    const frame = eventFrame(plain({ payload: Buffer.alloc(0) }), 'e-1', 'raw')
    assert.equal(frame.toString(), 'id: e-1\ndata: \n\n')
  })
})

it('a gap and an end are one event each, whatever id the reader sent', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const gap = parse(gapFrame('e-1', text, 'expired').toString())
      assert.deepEqual([gap.events.length, gap.retry], [1, null])
      assert.deepEqual([gap.events[0]?.id, gap.events[0]?.event], ['e-1', 'gap'])
      assert.equal(JSON.parse(String(gap.events[0]?.data)).lastEventId, text)
      const end = parse(endFrame('read_denied', text).toString())
      assert.deepEqual([end.events.length, end.events[0]?.event, end.retry], [1, 'end', null])
    }),
  )
})

it('a gap has its reason, and how much may be missing if that is known', () => {
  const dataOf = (reason: GapCause) => {
    const { message, ...rest } = JSON.parse(
      String(parse(String(gapFrame('e-1', 'e-0', reason))).events[0]?.data),
    )
    assert.match(message, /\w\.$/)
    return rest
  }
  const lastEventId = 'e-0'
  assert.deepEqual(dataOf('unknown_id'), { lastEventId, reason: 'unknown_id' })
  assert.deepEqual(dataOf('expired'), { lastEventId, reason: 'expired' })
  assert.deepEqual(dataOf('restart'), { lastEventId, reason: 'restart', qos: 0, seconds: 1 })
  assert.deepEqual(dataOf('overload'), { lastEventId, reason: 'overload', qos: 0 })
})

it('a gap in the middle of a stream has no id, so that a resume begins at the last message', () => {
  const frame = String(gapFrameWithin('e-7', 'broker_away', 3))
  assert.doesNotMatch(frame, /^id:/m)
  const [{ event, data } = assert.fail()] = parse(frame).events
  const { message, ...rest } = JSON.parse(data)
  assert.equal(event, 'gap')
  assert.match(message, /\w\.$/)
  assert.deepEqual(rest, { lastEventId: 'e-7', reason: 'broker_away', seconds: 3 })
})

it('a stream begins with the reconnection time, and has comments between events', () => {
  assert.deepEqual(parse(String(HEARTBEAT)), { events: [], retry: null })
  assert.match(String(HEARTBEAT), /^:/)
  const { events } = parse(String(heartbeatFrame(0)))
  assert.deepEqual(events, [
    { id: '', event: 'heartbeat', data: '{"time":"1970-01-01T00:00:00.000Z"}' },
  ])
  assert.deepEqual(parse(String(RETRY)), { events: [], retry: 2000 })
})
