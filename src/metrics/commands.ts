import { Counter, Gauge, type Registry } from 'prom-client'
import type { Meter } from './meter.ts'

type CommandMeter = Pick<
  Meter,
  'commandDelivered' | 'commandAcknowledged' | 'pollOpened' | 'pollClosed' | 'pollRefused'
>

/** Commands of devices that ask for them over HTTP. */
export function registerCommandMetrics(registry: Registry): CommandMeter {
  const registers = [registry]
  const delivered = new Counter({
    name: 'wott_commands_delivered_total',
    help: 'Commands handed to devices that ask over HTTP, for the first time or again.',
    labelNames: ['redelivered'],
    registers,
  })
  for (const redelivered of ['false', 'true']) delivered.inc({ redelivered }, 0)
  const acknowledged = new Counter({
    name: 'wott_commands_acknowledged_total',
    help: 'Commands that a device has acknowledged over HTTP.',
    registers,
  })
  const polls = new Gauge({
    name: 'wott_command_polls',
    help: 'Requests that wait for a command.',
    registers,
  })
  const refused = new Counter({
    name: 'wott_command_polls_refused_total',
    help: 'Requests that could not wait for a command because the limit was reached.',
    registers,
  })
  return {
    commandDelivered: (isRepeated) => delivered.inc({ redelivered: String(isRepeated) }),
    commandAcknowledged: () => acknowledged.inc(),
    pollOpened: () => polls.inc(),
    pollClosed: () => polls.dec(),
    pollRefused: () => refused.inc(),
  }
}
