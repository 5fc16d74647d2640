// The load generator of bench/readers.ts: streams of topics without messages, of which some are opened and closed on demand.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ClientHttp2Session } from 'node:http2'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { answerJobs } from './child.ts'
import { openOtherStreams, openSession, openStream } from './other-streams.ts'

export type ChangingJob =
  | {
      readonly kind: 'open'
      readonly httpsPort: number
      readonly readerDirectory: string
      readonly count: number
    }
  /** Opens and closes streams at this rate until `stop`; half of the changes open one, half close one. */
  | { readonly kind: 'change'; readonly perSecond: number }
  | { readonly kind: 'stop' }

/** Each closes fewer streams per second than the gateway takes for an attack with resets. */
const CHANGING_CONNECTIONS = 8

let openMore = (): ClientHttp2Session => assert.fail('nothing is open')
let stop = async (): Promise<number> => 0

/** Answers the changes per second that were made, after `stop`. */
answerJobs(async (job: ChangingJob): Promise<number> => {
  switch (job.kind) {
    case 'open': {
      const read = (name: string) => readFileSync(join(job.readerDirectory, name))
      const reader = {
        ca: read('ca.crt'),
        certificate: read('client.crt'),
        key: read('client.key'),
      }
      openMore = () => openSession(job, reader)
      await openOtherStreams(job, { reader }, 0, job.count)
      return 0
    }
    case 'change':
      stop = await comeAndGo(job.perSecond)
      return 0
    case 'stop':
      return await stop()
  }
})

async function comeAndGo(perSecond: number): Promise<() => Promise<number>> {
  // only now, because the gateway ends connections that are idle for long
  const changing = Array.from({ length: CHANGING_CONNECTIONS }, openMore)
  await Promise.all(changing.map((session) => once(session, 'connect')))
  const start = performance.now()
  let isGoingOn = true
  let changes = 0
  const going = (async () => {
    for (let n = 0; isGoingOn; n++) {
      const filter = n % 2 === 0 ? `other/new-${n}/+/t` : `other/new-${n}`
      const stream = await openStream(changing[n % changing.length] as ClientHttp2Session, filter)
      stream.close()
      await once(stream, 'close')
      changes += 2
      const due = start + (changes / perSecond) * 1_000
      if (due > performance.now()) await setTimeout(due - performance.now())
    }
  })()
  return async () => {
    isGoingOn = false
    await going
    const made = (changes * 1_000) / (performance.now() - start)
    await Promise.all(changing.map((session) => new Promise<void>((done) => session.close(done))))
    return made
  }
}
