import { writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { mqtt } from '../test/support/clients.ts'
import { startGateway } from '../test/support/gateway.ts'

/**
 * Measures how reloads of a large ACL file affect traffic: latencies and losses of a QoS 0 publisher, first without and then
 * with reloads, in the same run.
 *
 *     node bench/reload.ts [USERS] [SECONDS]
 */
const [users = '100000', seconds = '5'] = process.argv.slice(2)
const RATE = 1000

const people = Array.from(
  { length: Number(users) },
  (_, index) => `user device${index}.d.wott.local\ntopic write a/${index}\ntopic read b/${index}\n`,
)
const rules = `user bench.d.wott.local\ntopic readwrite bench/#\n${people.join('')}`

await using at = await startGateway({ acl: rules })
const device = await at.pki.issue('bench.d.wott.local')
const publisher = await mqtt(at, device)
const subscriber = await mqtt(at, device)
await subscriber.subscribeAsync('bench/#')

async function measure(work: () => Promise<void>): Promise<string> {
  const latencies: number[] = []
  const take = (_topic: string, payload: Buffer) =>
    latencies.push(performance.now() - Number(payload))
  subscriber.on('message', take)
  let sent = 0
  const started = performance.now()
  const publishing = setInterval(() => {
    const due = ((performance.now() - started) / 1000) * RATE
    for (; sent < due; sent++) publisher.publish(`bench/${sent % 100}`, String(performance.now()))
  }, 1)
  await work()
  clearInterval(publishing)
  await pause(500)
  subscriber.off('message', take)
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)]?.toFixed(1)
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${latencies.at(-1)?.toFixed(1)} ms, lost ${sent - latencies.length} of ${sent}`
}

const time = Number(seconds) * 1000
process.stdout.write(`without reloads: ${await measure(() => pause(time))}\n`)
let reloads = 0
const withReloads = await measure(async () => {
  const end = Date.now() + time
  for (; Date.now() < end; reloads++) {
    await writeFile(at.aclFile, `${rules}# ${reloads}\n`)
    await at.gateway.reload()
  }
})
process.stdout.write(`with ${reloads} reloads of ${users} users: ${withReloads}\n`)
await Promise.all([publisher.endAsync(), subscriber.endAsync()])
