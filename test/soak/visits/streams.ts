import assert from 'node:assert/strict'
import { once } from 'node:events'
import { inviteViewer } from '../../../src/viewer/invite.ts'
import {
  type Events,
  eventSource,
  framesOf,
  http1,
  http2Session,
  type StreamEvent,
} from '../../support/clients.ts'
import type { Visitor } from '../visits.ts'

const HOUR_MS = 3_600_000

async function publish({ site, device, root }: Visitor, payload: string): Promise<void> {
  const path = `/topics/${root}/stream?qos=1`
  const { status, text } = await http1(site, device, { path, method: 'POST', body: payload })
  assert.equal(status, 200, text)
}

/** Skips events up to the first one with this payload. */
async function eventWith(events: Pick<Events, 'next'>, payload: string): Promise<StreamEvent> {
  for (;;) {
    const event = await events.next()
    if (JSON.parse(event.data).payload === payload) return event
  }
}

const pathOf = ({ root }: Visitor) => `/stream?filter=${encodeURIComponent(`${root}/stream`)}`

/** Reads a stream, leaves, and resumes with the missed events. */
export async function streamVisit(visitor: Visitor): Promise<void> {
  const { site, device } = visitor
  let last = ''
  {
    using events = await eventSource(site, device, pathOf(visitor))
    await publish(visitor, 'live')
    last = (await eventWith(events, 'live')).id ?? ''
  }
  await publish(visitor, 'meanwhile')
  using resumed = await eventSource(site, device, pathOf(visitor), { 'last-event-id': last })
  await eventWith(resumed, 'meanwhile')
}

/** Opens two streams on one connection: one is cancelled, the other ends with the connection. */
export async function http2StreamVisit(visitor: Visitor): Promise<void> {
  const { site, device } = visitor
  const session = http2Session(site, device)
  session.on('error', () => {})
  const open = async () => {
    const headers = { ':path': pathOf(visitor), accept: 'text/event-stream' }
    const stream = session.request(headers).on('error', () => {})
    const [answer] = await once(stream, 'response')
    assert.equal(answer[':status'], 200)
    return stream
  }
  const cancelled = await open()
  const other = await open()
  await publish(visitor, 'both')
  for (const stream of [cancelled, other]) {
    const frames = framesOf(stream)
    await eventWith({ next: async () => (await frames.next()).value }, 'both')
  }
  cancelled.close()
  await once(cancelled, 'close')
  session.destroy()
}

/** Logs in with an invite, reads a stream, and logs out, which ends the stream. */
export async function viewerVisit(visitor: Visitor): Promise<void> {
  const { site, lane } = visitor
  const code = await inviteViewer(site.viewersFile, `viewer-${lane}`, HOUR_MS)
  const ask = (method: string, path: string, headers = {}, body?: string) =>
    http1(site, null, {
      door: 'viewer',
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body }),
    })
  const json = { 'content-type': 'application/json' }
  const login = await ask('POST', '/session', json, JSON.stringify({ code }))
  assert.equal(login.status, 200, login.text)
  const cookie = String(login.headers['set-cookie']).split(';')[0] ?? ''
  assert.equal((await ask('GET', '/', { cookie })).status, 200)
  using events = await eventSource(site, null, pathOf(visitor), { cookie }, 'viewer')
  await publish(visitor, 'for viewers')
  await eventWith(events, 'for viewers')
  const logout = await ask('DELETE', '/session', { cookie })
  assert.ok(logout.status < 300, logout.text)
  await events.ended()
}
