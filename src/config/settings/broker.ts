import { section, setting } from '../setting.ts'
import { brokerAddress } from '../values/brokers.ts'
import { choice } from '../values/plain.ts'
import { LIMITS_SETTINGS } from './limits.ts'
import { RELAYED_SETTINGS } from './relayed.ts'
import { RETENTION_SETTINGS } from './retention.ts'

/** The broker and its store: `config.broker`. */
export const BROKER_SETTINGS = section('Where messages are kept', 'broker.md', {
  address: setting(
    'broker',
    brokerAddress,
    'file:./data',
    'where messages are kept: file:PATH, a folder that survives restarts and crashes; memory:, lost when the gateway stops; or mqtts://HOST:PORT, another MQTT broker that messages are relayed to',
  ),
  fsync: setting(
    'fsync',
    choice('always', 'interval', 'never'),
    'always',
    'when file: flushes a message to the disk: always, before the message is acknowledged; interval, within about a second; never, when the operating system decides. With interval and never a power cut can lose acknowledged messages; a crash of the gateway cannot',
  ),
  retention: RETENTION_SETTINGS,
  limits: LIMITS_SETTINGS,
  relayed: RELAYED_SETTINGS,
})
