import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { ClientLink } from '../../src/broker/session.ts'
import type { Fsync } from '../../src/broker/store/sqlite-file.ts'
import { messageOf, openBroker } from './growth-broker.ts'
import { median, medianRatio, printTable } from './rounds.ts'

type Opened = Awaited<ReturnType<typeof openBroker>>['broker']

const SESSIONS = 1_000
const BYTES = 200
/** With this limit the queues are full half of the time. */
const LIMITS = { messagesPerSession: 1_000, queuedBytesPerDevice: 1e9 }
const link: ClientLink = {
  deliver() {},
  wake() {},
  end() {},
  isOpen: () => true,
  hasRoom: () => true,
  whereabouts: () => ({ door: 'mqtt' as const, address: undefined, protocol: '5', since: 0 }),
}

/** Measures a QoS 1 message that is queued for 1,000 offline sessions, and one without subscribers. */
export async function measureAbsent(work: string, rounds: number): Promise<void> {
  const rows = [
    ['', 'with none', `with ${SESSIONS}`, 'ratio', 'with none', `with ${SESSIONS}`, 'ratio'],
  ]
  for (const fsync of ['always', 'never'] as const) {
    const none = await openFor(work, fsync, 0)
    const many = await openFor(work, fsync, SESSIONS)
    for (const atOnce of [1, 16]) {
      const cpu: [number[], number[]] = [[], []]
      const clock: [number[], number[]] = [[], []]
      for (let round = 0; round <= rounds; round++)
        for (const [index, broker] of [none, many].entries()) {
          const cost = await publishing(broker, atOnce === 1 ? 150 : 600, atOnce)
          // the first round warms up the JIT
          if (round === 0) continue
          cpu[index]?.push(cost.cpu)
          clock[index]?.push(cost.clock)
        }
      rows.push([`fsync ${fsync}, ${atOnce} at once`, ...compare(cpu), ...compare(clock)])
    }
    await none.close()
    await many.close()
  }
  printTable([['', 'CPU', '', '', 'clock', '', ''], ...rows])
}

function compare([none, many]: [number[], number[]]): string[] {
  const micros = (values: number[]) => `${median(values).toFixed(0)} µs`
  return [micros(none), micros(many), medianRatio(many, none).toFixed(2)]
}

async function openFor(work: string, fsync: Fsync, sessions: number): Promise<Opened> {
  const directory = mkdtempSync(join(work, 'absent-'))
  const { broker } = await openBroker(directory, { fsync, limits: LIMITS })
  for (let n = 0; n < sessions; n++) {
    const client = `d${n % 100}.d.wott.local/away${n}`
    const terms = { cleanStart: false, expiry: 3_600, will: null, link }
    const opened = await broker.sessions.open({ client, ...terms })
    if (!opened) throw new Error('no room for a session')
    const options = { qos: 1, noLocal: false, retainAsPublished: false, identifier: 0 } as const
    await broker.sessions.subscribe(opened.session, [{ name: 'bench/#', ...options }]).stored
    broker.sessions.close(opened.session, link, { sendsWill: false, expiry: null })
  }
  await broker.sessions.stored()
  return broker
}

/** Microseconds per message: CPU time of all threads, and time by the clock. */
async function publishing(broker: Opened, count: number, atOnce: number) {
  const before = process.cpuUsage()
  const start = performance.now()
  let left = count
  const steps = async () => {
    while (left-- > 0) await broker.publish(messageOf(left, BYTES))
  }
  await Promise.all(Array.from({ length: atOnce }, steps))
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) / count, clock: ((performance.now() - start) / count) * 1000 }
}
