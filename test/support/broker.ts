import { pino } from 'pino'
import { createAccess } from '../../src/acl/access.ts'
import { type OpenedBroker, openBroker } from '../../src/broker/open.ts'
import { createUnlimitedLedger } from '../../src/budget/ledger.ts'
import { createRateLimit } from '../../src/budget/rate-limit.ts'
import { loadConfig } from '../../src/config/load.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { createMqttHost, type MqttHost, type MqttOptions } from '../../src/mqtt/mqtt.ts'
import { createRelay } from '../../src/relay/relay.ts'
import { createTurns } from '../../src/turns/turns.ts'
import { aclOf } from './acl.ts'

/**
 * Opens a broker (`address` as in `WOTT_BROKER`) and its MQTT side, without doors. `rules` is the text of an ACL file; `change`
 * replaces options of the MQTT side.
 */
export async function openMqtt(
  address: string,
  rules: string,
  change: (options: MqttOptions) => Partial<MqttOptions> = () => ({}),
): Promise<{ broker: OpenedBroker; host: MqttHost }> {
  const config = loadConfig({}, { broker: address, aclFile: '/dev/null' })
  const { maxPayloadBytes, timeBounds } = config.publishing
  const log = pino({ level: 'silent' })
  const acl = aclOf(rules)
  const memory = createUnlimitedLedger()
  const accessOf = (device: string, clientId: string) =>
    createAccess(acl, { user: device, clientId })
  const broker = await openBroker(config.broker, {
    rules: { ...config.publishing, idPattern: config.trust.idPattern },
    accessOf,
    memory,
    log,
    meter: silentMeter,
  })
  const relay = createRelay({
    broker,
    denials: { note() {} },
    meter: silentMeter,
    rateLimit: createRateLimit(0, 1),
    maxPayloadBytes,
    timeBounds,
  })
  const options: MqttOptions = {
    turns: createTurns(),
    sessions: broker.sessions,
    relay,
    accessOf,
    memory,
    denials: { note() {} },
    meter: silentMeter,
    log,
    settings: config.mqtt,
    maxPayloadBytes,
    stallMs: config.http.stallMs,
  }
  const host = createMqttHost({ ...options, ...change(options) })
  return { broker, host }
}
