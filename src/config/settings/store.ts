import { setting } from '../setting.ts'
import { brokerAddress } from '../values/brokers.ts'
import { choice } from '../values/plain.ts'

/** Where messages are kept. */
export const STORE_SETTINGS = {
  broker: setting(
    brokerAddress,
    'file:./data',
    'where messages are kept: file:PATH, a folder that survives restarts and crashes; memory:, lost when the gateway stops; or mqtts://HOST:PORT, another MQTT broker that messages are relayed to',
  ),
  fsync: setting(
    choice('always', 'interval', 'never'),
    'always',
    'when file: flushes a message to the disk: always, before the message is acknowledged; interval, within about a second; never, when the operating system decides. With interval and never a power cut can lose acknowledged messages; a crash of the gateway cannot',
  ),
} as const
