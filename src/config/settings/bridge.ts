import { section, setting } from '../setting.ts'
import { uplinkSettings } from '../uplink.ts'
import { brokerUrls } from '../values/brokers.ts'
import { orOff } from '../values/parse.ts'
import { choice, onOff, text } from '../values/plain.ts'
import { bridgeTopics } from '../values/topics.ts'

/** A bridge: `config.bridge`. */
export const BRIDGE_SETTINGS = section('A bridge to another MQTT broker', 'edge.md', {
  urls: setting(
    'bridge',
    brokerUrls,
    undefined,
    'MQTT broker at the other end of a bridge, mqtts://HOST:PORT: messages are kept here (WOTT_BROKER=file:) and passed on in order when that broker can be reached',
  ),
  topics: setting(
    'bridgeTopics',
    bridgeTopics,
    '# out 1',
    'topics that the bridge passes on, as topic lines of a mosquitto.conf separated by semicolons: pattern; direction (out to the other broker, in from it, or both); QoS 0 or 1; prefix here; prefix there ("" for none)',
  ),
  uplink: uplinkSettings('bridge', {
    to: 'the broker in WOTT_BRIDGE',
    clientId: "bridge- and the name in the gateway's own certificate",
    late: 'then it is sent again',
    full: 'others wait in the log',
    timeout: '10',
    pending: '1000',
    pendingBytes: '4MiB',
  }),
  session: setting(
    'bridgeSession',
    choice('kept', 'clean'),
    'kept',
    'whether the other broker keeps messages for the bridge while there is no connection: kept or clean',
  ),
  announcesItself: setting(
    'bridgeBit',
    onOff,
    'on',
    'whether an MQTT 3.1.1 broker is told, as Mosquitto does, that this connection is a bridge, so that it does not send back what came from here; off for a broker that refuses such a connection',
  ),
  retain: setting(
    'bridgeRetain',
    choice('keep', 'clear'),
    'keep',
    'whether retained messages are also retained at the other broker: keep or clear',
  ),
  idProperty: setting(
    'bridgeIdProperty',
    orOff(text(1, 200)),
    'wott-id',
    'MQTT 5 user property that carries the WoTT ID of the device over the bridge; off: not sent',
  ),
})
