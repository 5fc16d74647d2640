import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { MqttClient } from 'mqtt'
import { connackOf, connected5, follow, HOUR_SECONDS, mqttClient, version5 } from './clients.ts'
import type { KillableGateway, Life } from './gateway.ts'

/** If the gateway lives this long after something happens, the event is on disk. */
const NOTED_MS = 500
/** If the gateway lives this long after something is due, it has done it. */
const DONE_MS = 1_000
const SLACK_MS = 3_000
/** The shortest time that subscribers have to reconnect after a crash, before wills are published. */
const AFTER_CRASH_MS = 2_000
const WILL_SECONDS = 3
const RETURN_SECONDS = 6
const EXPIRY_SECONDS = 2

/** A client that vanished for good, and the time from then until its will is due. */
interface Departed {
  readonly name: string
  readonly at: number
  readonly delay: number
}

export interface MortalsReport {
  readonly wills: {
    readonly published: number
    readonly cancelled: number
    readonly repeated: number
  }
  readonly sessions: { readonly expired: number; readonly kept: number }
}

/** Clients of MQTT 5 that vanish around each crash. Some reconnect, some do not. */
export async function startMortals(gateway: KillableGateway) {
  const watching = mqttClient(gateway, 'watcher', version5('watcher', HOUR_SECONDS))
  const watcher = follow(watching)
  await connackOf(watching)
  await watching.subscribeAsync('wills/#', { qos: 1 })
  const departed: Departed[] = []
  const returned: Departed[] = []
  /** Clients that reconnected when their wills were due; these may have been published or not. */
  const late: Departed[] = []
  let returning: Departed[] = []
  let connected: MqttClient[] = []
  const expired: string[] = []
  const kept: string[] = []

  async function vanish(name: string, expiry: number, willDelay: number): Promise<Departed> {
    const { client } = await connected5(gateway, name, expiry, willDelay)
    const at = Date.now()
    await client.endAsync(true)
    return { name, at, delay: Math.min(expiry, willDelay) * 1000 }
  }

  /** Opens a session with an expiry, and disconnects. */
  async function leave(name: string, expiry: number, filter: string): Promise<void> {
    const { client } = await connected5(gateway, name, expiry)
    await client.subscribeAsync(filter, { qos: 1 })
    await client.endAsync(Math.random() < 0.5)
  }

  /** Events that are pending when the gateway is killed. */
  async function beforeCrash(round: number): Promise<void> {
    connected = []
    const [vanished, short, back] = await Promise.all([
      vanish(`vanished-${round}`, HOUR_SECONDS, WILL_SECONDS),
      vanish(`short-${round}`, EXPIRY_SECONDS, HOUR_SECONDS),
      vanish(`returning-${round}`, HOUR_SECONDS, RETURN_SECONDS),
      leave(`expiring-${round}`, 1, 'drill/#'),
      leave(`lasting-${round}`, HOUR_SECONDS, `lasting/${round}`),
      struck(`struck-${round}`, HOUR_SECONDS, WILL_SECONDS),
      struck(`passing-${round}`, 0, HOUR_SECONDS),
    ])
    departed.push(vanished, short)
    returning = [back]
    expired.push(`expiring-${round}`)
    kept.push(`lasting-${round}`)
  }

  /** Stays connected until the gateway is killed. */
  async function struck(name: string, expiry: number, willDelay: number): Promise<void> {
    connected.push((await connected5(gateway, name, expiry, willDelay)).client)
  }

  function crashed(): void {
    const at = gateway.lives.at(-1)?.end ?? 0
    for (const client of connected) {
      const name = client.options.clientId as string
      const delay = name.startsWith('passing') ? 0 : WILL_SECONDS * 1000
      departed.push({ name, at, delay: Math.max(AFTER_CRASH_MS, delay) })
      client.end(true)
    }
  }

  /** Reconnects clients, either in time or not at all. */
  async function afterStart(round: number): Promise<void> {
    for (const one of returning) {
      const { client } = await connected5(gateway, one.name, HOUR_SECONDS)
      if (Date.now() < one.at + one.delay) returned.push(one)
      else late.push(one)
      await client.endAsync()
    }
    const { client } = await connected5(gateway, `writer-${round}`, 0)
    await client.publishAsync(`lasting/${round}`, `lasting-${round}`, { qos: 1 })
    await client.endAsync()
  }

  async function checkWills(): Promise<MortalsReport['wills']> {
    await watcher.has(departed.map(({ name }) => name))
    for (const one of departed) {
      const arrived = watcher.arrived.get(one.name) ?? 0
      const { earliest, latest } = dueWindow(one, gateway.lives)
      const late = arrived - one.at
      assert.ok(arrived >= earliest, `the will of ${one.name} came ${late} ms after it vanished`)
      assert.ok(
        arrived <= latest,
        `the will of ${one.name} came ${late} ms after it vanished, not in ${latest - one.at}`,
      )
    }
    const end = Math.max(...returned.map(({ at, delay }) => at + delay)) + SLACK_MS
    if (end > Date.now()) await pause(end - Date.now())
    for (const { name } of returned)
      assert.ok(!watcher.seen.has(name), `${name} came back, and its will was published`)
    const names = new Set([...departed, ...late].map(({ name }) => name))
    for (const name of watcher.seen.keys())
      assert.ok(names.has(name), `${name} never left, and its will was published`)
    const counts = departed.map(({ name }) => watcher.seen.get(name) ?? 0)
    return {
      published: departed.length,
      cancelled: returned.length,
      repeated: counts.filter((count) => count > 1).length,
    }
  }

  async function checkSessions(): Promise<MortalsReport['sessions']> {
    // later than a second after the last start, from which the time counts at the latest
    for (const name of expired) {
      const { client, isPresent } = await connected5(gateway, name, 0)
      assert.equal(isPresent, false, `the session of ${name} is there after its time`)
      await client.endAsync()
    }
    for (const name of kept) await checkKept(name)
    return { expired: expired.length, kept: kept.length }
  }

  async function checkKept(name: string): Promise<void> {
    const { client, isPresent, has } = await connected5(gateway, name, 0)
    assert.equal(isPresent, true, `the session of ${name} is gone before its time`)
    // published after it had left
    await has([name])
    await client.endAsync()
  }

  return {
    beforeCrash,
    crashed,
    afterStart,
    checkWills,
    checkSessions,
    [Symbol.dispose]: () => watching.end(true),
  }
}

/** The time span in which a will must come: exactly when it is due, unless the gateway was killed before the due time was on disk. */
function dueWindow({ at, delay }: Departed, lives: readonly Life[]) {
  const isNoted = lives.some(({ start, end }) => start <= at && end - at >= NOTED_MS)
  const next = lives.find(({ start, end }) => start > at && end - start >= NOTED_MS)
  const due = isNoted ? at + delay : (next?.start ?? 0) + Math.max(AFTER_CRASH_MS, delay)
  const up = lives.find(({ start, end }) => end - Math.max(start, due) >= DONE_MS)
  return { earliest: at + delay, latest: Math.max(up?.start ?? 0, due) + SLACK_MS }
}
