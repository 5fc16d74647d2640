import assert from 'node:assert/strict'
import { Agent } from 'node:https'
import { parseArgs } from 'node:util'
import { connackOf, follow, httpPost, mqttClient } from './clients.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { checkGaps, followThrough, type MovingStream } from './moving-stream.ts'
import { type Readings, startReadings } from './readings.ts'

export interface ScaleReport {
  readonly devices: number
  readonly acknowledged: number
  /** Readings that were posted again after no answer or a 503. */
  readonly repeated: number
  /** Readings that reached the broker more than once, as QoS 1 allows. */
  readonly twice: number
  readonly stream: { readonly events: number; readonly gaps: number; readonly inGaps: number }
}

/** Acknowledgements that each device has between two events. */
const BETWEEN = 5

/**
 * Three gateways behind nginx relay to one Mosquitto while devices post readings with QoS 1: one gateway is killed, then all are
 * restarted one after the other. Rejects if an acknowledged reading is not at the broker, if the broker has a reading that nobody
 * sent, or if a stream missed a reading without a gap event.
 */
export async function scaleDrill(devices: number): Promise<ScaleReport> {
  await using cluster = await startCluster()
  const subscriber = mqttClient(
    { device: cluster.device, ports: { ...cluster.ports, mqtts: cluster.broker.port } },
    'subscriber',
  )
  using _ = { [Symbol.dispose]: () => void subscriber.end(true) }
  const atBroker = follow(subscriber)
  await connackOf(subscriber)
  await subscriber.subscribeAsync('scale/#', { qos: 1 })
  using stream = followThrough(cluster)
  using readings = await startReadings(cluster, devices)
  await stream.hasBegun()
  await disturb(cluster, readings)
  await readings.stop()

  await atBroker.has([...readings.all.keys()])
  for (const payload of atBroker.seen.keys())
    assert.ok(readings.all.has(payload), `${payload} came, and nobody sent it`)
  await reaches(cluster, stream)
  return {
    devices,
    acknowledged: readings.all.size,
    repeated: readings.repeated(),
    twice: [...atBroker.seen.values()].filter((times) => times > 1).length,
    stream: {
      events: stream.events.length,
      gaps: stream.events.filter((event) => event === null).length,
      inGaps: checkGaps(stream, readings),
    },
  }
}

async function disturb({ gateways }: Cluster, readings: Readings): Promise<void> {
  await readings.each(BETWEEN)
  await gateways[0]?.kill()
  await readings.each(BETWEEN)
  await gateways[0]?.restart()
  for (const { stop, restart } of gateways) {
    await readings.each(BETWEEN)
    await stop()
    await readings.each(1)
    await restart()
  }
  await readings.each(BETWEEN)
}

/** Publishes a last message, and resolves when it has come. */
async function reaches({ device, ports }: Cluster, stream: MovingStream): Promise<void> {
  const { ca, certificate: cert, key } = device
  const agent = new Agent({ ca, cert, key, keepAlive: true })
  while (!stream.events.includes('last'))
    await httpPost(agent, ports.https, 'scale/last', 'last', 'qos=1')
  agent.destroy()
}

const HELP = `Usage: npm run drill:scale -- [DEVICES]

Runs three gateways between nginx and one Mosquitto while DEVICES devices (200 by default) post readings. Kills one gateway,
then restarts all of them one after the other, and checks that no acknowledged reading is lost. Needs nginx with its stream
module, and mosquitto.
`

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h' } },
  })
  const [devices = '200', ...more] = positionals
  const isWrong = !/^[1-9]\d{0,3}$/.test(devices) || more.length > 0
  if (values.help || isWrong) {
    process[isWrong ? 'stderr' : 'stdout'].write(HELP)
    process.exit(isWrong ? 2 : 0)
  }
  process.stdout.write(`${JSON.stringify(await scaleDrill(Number(devices)))}\n`)
  process.exit()
}
