import { setTimeout as pause } from 'node:timers/promises'
import { startKillable } from './gateway.ts'
import { type MortalsReport, startMortals } from './mortals.ts'
import { startTraffic, type TrafficReport } from './traffic.ts'

export interface DrillReport extends TrafficReport, MortalsReport {
  readonly rounds: number
}

/**
 * Kills a gateway with a `file:` store `rounds` times at random moments while devices publish over HTTP and MQTT, and while
 * clients come and go. Rejects when anything acknowledged was lost, anything came that nobody sent or after its time, a session
 * outlived its time, or a will did not come when it was due.
 */
export async function crashDrill(rounds: number): Promise<DrillReport> {
  await using gateway = await startKillable()
  using mortals = await startMortals(gateway)
  using traffic = await startTraffic(gateway)
  for (let round = 0; round < rounds; round++) {
    await mortals.beforeCrash(round)
    await pause(50 + Math.random() * 950)
    await gateway.kill()
    mortals.crashed()
    await gateway.restart()
    await mortals.afterStart(round)
  }
  await traffic.stop()
  const wills = await mortals.checkWills()
  const sessions = await mortals.checkSessions()
  return { rounds, ...(await traffic.check()), wills, sessions }
}

if (import.meta.main) {
  const [rounds = '200'] = process.argv.slice(2)
  process.stdout.write(`${JSON.stringify(await crashDrill(Number(rounds)))}\n`)
  process.exit()
}
