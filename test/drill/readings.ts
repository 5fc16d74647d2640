import { Agent } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { httpPost } from './clients.ts'
import type { Cluster } from './cluster.ts'

/** When one reading was first sent, and when it was acknowledged; Infinity until it is. */
export interface Reading {
  readonly sent: number
  acknowledged: number
}

/** Devices that post one reading after the other with QoS 1. Each repeats a reading until it is acknowledged. */
export interface Readings extends Disposable {
  /** Readings by payload; each payload is from one device. */
  readonly all: ReadonlyMap<string, Reading>
  /** How often a reading was sent again. */
  repeated(): number
  /** Resolves when each device has this number of further acknowledgements. */
  each(more: number): Promise<void>
  /** Stops after the last acknowledgement of each device. */
  stop(): Promise<void>
}

/** Milliseconds between an acknowledgement and the next reading of a device. */
const PACE_MS = 50

export async function startReadings(
  { pki, ports }: Pick<Cluster, 'pki' | 'ports'>,
  devices: number,
): Promise<Readings> {
  const all = new Map<string, Reading>()
  const counts = new Array<number>(devices).fill(0)
  const agents: Agent[] = []
  let more = Promise.withResolvers<void>()
  let isOver = false
  let repeated = 0

  async function run(index: number, agent: Agent): Promise<void> {
    while (!isOver) {
      const payload = `${index}-${counts[index]}`
      const reading = { sent: performance.now(), acknowledged: Number.POSITIVE_INFINITY }
      all.set(payload, reading)
      while (!(await httpPost(agent, ports.https, `scale/${index}`, payload, 'qos=1')))
        repeated += 1
      reading.acknowledged = performance.now()
      counts[index] = (counts[index] ?? 0) + 1
      more.resolve()
      more = Promise.withResolvers()
      await pause(PACE_MS)
    }
  }

  for (let index = 0; index < devices; index += 1) {
    const { ca, certificate: cert, key } = await pki.issue(`device-${index}.d.wott.local`)
    agents.push(new Agent({ ca, cert, key, keepAlive: true }))
  }
  const work = agents.map((agent, index) => run(index, agent))
  return {
    all,
    repeated: () => repeated,
    async each(wanted) {
      const goal = counts.map((count) => count + wanted)
      while (goal.some((count, index) => (counts[index] ?? 0) < count)) await more.promise
    },
    async stop() {
      isOver = true
      await Promise.all(work)
    },
    [Symbol.dispose]() {
      isOver = true
      for (const agent of agents) agent.destroy()
    },
  }
}
