import { startWorker, type Worker } from './child.ts'
import type { Ground } from './ground.ts'
import type { HttpJob, HttpMeasured, HttpScenario } from './http-load.ts'
import { median, rotated } from './rounds.ts'
import type { Server } from './servers.ts'

/** One scenario on one server, with its own load generator. */
export interface HttpSite extends AsyncDisposable {
  readonly load: Worker<HttpJob, HttpMeasured>
  readonly rounds: HttpMeasured[]
}

/** Opens the connections, and warms up the JIT. */
export async function openSite(
  { pid, httpsPort }: Pick<Server, 'pid' | 'httpsPort'>,
  { sensor }: Pick<Ground, 'sensor'>,
  scenario: HttpScenario,
  warmSeconds = 0.6,
): Promise<HttpSite> {
  const load = startWorker<HttpJob, HttpMeasured>(new URL('./http-load.ts', import.meta.url))
  const target = { pid, httpsPort, sensorDirectory: sensor.directory }
  await load.ask({ kind: 'open', target, scenario })
  await load.ask({ kind: 'run', seconds: warmSeconds })
  return { load, rounds: [], [Symbol.asyncDispose]: () => load[Symbol.asyncDispose]() }
}

/** Lets the JIT compile what a request needs: with one request at a time that takes longer than a whole measurement. Not counted. */
export async function warmUp(
  server: Pick<Server, 'pid' | 'httpsPort'>,
  ground: Pick<Ground, 'sensor'>,
  version: HttpScenario['version'],
): Promise<void> {
  await using _site = await openSite(server, ground, { version, qos: 1, inFlight: 64 }, 2)
}

/** Measures the sites in turn. */
export async function measureInTurn(
  sites: readonly HttpSite[],
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<void> {
  for (let round = 0; round < rounds; round++)
    for (const site of rotated(sites, round))
      site.rounds.push(await site.load.ask({ kind: 'run', seconds }))
}

export function valuesOf({ rounds }: HttpSite, what: keyof HttpMeasured): number[] {
  return rounds.map((one) => one[what])
}

export function medianOf(site: HttpSite, what: keyof HttpMeasured): number {
  return median(valuesOf(site, what))
}
