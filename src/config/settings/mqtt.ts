import { section, setting } from '../setting.ts'
import { KiB, MiB } from '../units.ts'
import { bytes, choice, integer, secondsAsMs } from '../values/plain.ts'

/** MQTT clients: `config.mqtt`. */
export const MQTT_SETTINGS = section('MQTT clients', 'broker.md', {
  clientBufferBytes: setting(
    'clientBuffer',
    bytes(16 * KiB, 1024 * MiB),
    '4MiB',
    'bytes that may wait for one MQTT subscriber; beyond them QoS 0 messages are dropped, and a QoS 1 message disconnects it',
  ),
  maxInflight: setting(
    'maxInflight',
    integer(1, 65_535),
    '100',
    'maximum number of unacknowledged QoS 1 and 2 messages to one persistent MQTT session',
  ),
  receiveMaximum: setting(
    'receiveMaximum',
    integer(1, 65_535),
    '1000',
    'maximum number of QoS 1 and 2 messages from one MQTT 5 client that are not acknowledged yet',
  ),
  topicAliasMaximum: setting(
    'topicAliasMaximum',
    integer(0, 65_535),
    '100',
    'maximum number of topic aliases that one MQTT 5 client may set',
  ),
  topicAliasesOut: setting(
    'topicAliasesOut',
    integer(0, 65_535),
    '0',
    'maximum number of topic aliases that the gateway sets for one MQTT 5 client; with mqtt.js 5.16 leave this at 0, because it loses the topic of QoS 2 messages that use one',
  ),
  maxKeepAliveSeconds: setting(
    'maxKeepAlive',
    integer(0, 65_535),
    '0',
    'longest keep alive of MQTT 5 clients, in seconds; clients that ask for more, or for none, are told to use this one; 0: no limit',
  ),
  maxSubscriptions: setting(
    'maxSubscriptions',
    integer(1, 100_000),
    '1000',
    'maximum number of filters of one MQTT session',
  ),
  connectTimeoutMs: setting(
    'connectTimeout',
    secondsAsMs(1, 3600),
    '10',
    'seconds that an MQTT client may take to send CONNECT after the TLS handshake',
  ),
  packetTimeoutMs: setting(
    'packetTimeout',
    secondsAsMs(1, 3600),
    '30',
    'seconds that one MQTT packet may take to arrive',
  ),
  subscribe: setting(
    'subscribe',
    choice('grant', 'check'),
    'grant',
    'the reply to a SUBSCRIBE that no ACL rule can match: grant it, as Mosquitto does, or check and refuse it (0x87; 0x80 before MQTT 5)',
  ),
})
