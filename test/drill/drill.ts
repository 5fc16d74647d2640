import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startKillable } from './gateway.ts'
import { type MortalsReport, startMortals } from './mortals.ts'
import { startTraffic, type TrafficReport } from './traffic.ts'

export interface DrillReport extends TrafficReport, MortalsReport {
  readonly rounds: number
}

/**
 * Kills a gateway with a `file:` store `rounds` times at random moments while devices publish over HTTP and MQTT, and while
 * clients come and go. Rejects if an acknowledged message was lost, a message came that nobody sent or that had expired, a session
 * outlived its expiry, or a will did not come on time.
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

const HELP = `Usage: npm run drill -- [ROUNDS]

Kills a gateway ROUNDS times (200 by default) while devices publish, and checks that no acknowledged message is lost.
`

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h' } },
  })
  const [rounds = '200', ...more] = positionals
  const isWrong = !/^[1-9]\d{0,5}$/.test(rounds) || more.length > 0
  if (values.help || isWrong) {
    process[isWrong ? 'stderr' : 'stdout'].write(HELP)
    process.exit(isWrong ? 2 : 0)
  }
  process.stdout.write(`${JSON.stringify(await crashDrill(Number(rounds)))}\n`)
  process.exit()
}
