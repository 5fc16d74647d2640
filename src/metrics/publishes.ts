import { Counter, type Registry } from 'prom-client'
import { doorsWith } from '../door-table.ts'
import { registerDurations } from './durations.ts'
import { type Meter, PUBLISH_RESULTS, type PublishResult, type Source } from './meter.ts'

type PublishMeter = Pick<Meter, 'published' | 'publishTook' | 'publishDelayed' | 'turnAwaited'>

/** How many messages came to which result, by QoS. */
type Published = Record<PublishResult, [number, number, number]>

/** The doors through which clients publish. */
const DOORS = doorsWith({ process: 'serve', speaksMqtt: true })

/** What devices publish. */
export function registerPublishMetrics(registry: Registry): PublishMeter {
  const registers = [registry]
  // counted in plain numbers and copied at each scrape: prom-client would hash the labels of every message
  const published: Partial<Record<Source, Published>> = Object.fromEntries(
    DOORS.map((door) => [door, noneYet()]),
  )
  new Counter({
    name: 'wott_publishes_total',
    help: 'Messages that clients asked to publish, by result.',
    labelNames: ['door', 'qos', 'result'],
    registers,
    collect() {
      this.reset()
      for (const [door, results] of Object.entries(published))
        for (const [result, counts] of Object.entries(results))
          for (const [qos, count] of counts.entries())
            if (qos < 2 || door === 'mqtt') this.inc({ door, qos: String(qos), result }, count)
    },
  })
  const publishTook = registerDurations(registry, {
    name: 'wott_publish_duration_seconds',
    help: 'Time from a whole publish request to its answer.',
    doors: DOORS.filter((door) => door !== 'mqtt'),
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  })
  const publishesDelayed = new Counter({
    name: 'wott_publishes_delayed_total',
    help: 'MQTT messages that were delayed because their device exceeds WOTT_PUBLISH_RATE.',
    labelNames: ['door'],
    registers,
  })
  // counted in the same way: each request of a busy device waits for its turn
  let turnsAwaited = 0
  new Counter({
    name: 'wott_turns_awaited_total',
    help: 'How often work of a device had to wait for others, because the device had used up its share of the time.',
    registers,
    collect() {
      this.reset()
      this.inc(turnsAwaited)
    },
  })
  for (const door of DOORS) publishesDelayed.inc({ door }, 0)

  return {
    published(door, qos, result) {
      const counts = published[door]
      if (counts) counts[result][qos] += 1
    },
    publishTook,
    publishDelayed: (door) => publishesDelayed.inc({ door }),
    turnAwaited() {
      turnsAwaited += 1
    },
  }
}

function noneYet(): Published {
  const none = PUBLISH_RESULTS.map((result) => [result, [0, 0, 0]])
  return Object.fromEntries(none)
}
