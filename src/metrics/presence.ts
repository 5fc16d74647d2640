import { Counter, Gauge, type Registry } from 'prom-client'

/** Topics that are watched for silence, as far as the metrics ask. */
export interface WatchedPresence {
  topics(): Iterable<{
    readonly device: string
    readonly topic: string
    readonly isSilent: boolean
  }>
  /** Messages of topics that found no room, since the start. */
  overflowed(): number
  /** Numbers that were not announced to Home Assistant for want of room, since the start. */
  unannounced(): number
}

export function registerPresenceMetrics(registry: Registry, presence: WatchedPresence): void {
  const registers = [registry]
  new Gauge({
    name: 'wott_topic_silent',
    help: 'Whether a device has not published to a topic for longer than it may be silent.',
    labelNames: ['device', 'topic'],
    registers,
    collect() {
      this.reset()
      for (const { device, topic, isSilent } of presence.topics())
        this.set({ device, topic }, isSilent ? 1 : 0)
    },
  })
  new Counter({
    name: 'wott_silence_overflowed_total',
    help: 'Messages of topics that are not watched for silence because the limit is reached.',
    registers,
    collect() {
      this.reset()
      this.inc(presence.overflowed())
    },
  })
  new Counter({
    name: 'wott_home_assistant_overflowed_total',
    help: 'Sensors that were not announced to Home Assistant because the limit is reached.',
    registers,
    collect() {
      this.reset()
      this.inc(presence.unannounced())
    },
  })
}
