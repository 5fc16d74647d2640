import type { BrokerName, BrokerOptions } from './brokers.ts'

export interface Suite {
  /** The suite's major version of MQTT: 3 is 3.1.1. */
  readonly version: '3' | '5'
  readonly title: string
  /** The Python module below `interoperability/`. */
  readonly module: string
  readonly broker: BrokerOptions
  readonly tests: readonly string[]
  /** The tests that fail, and why. All others pass. */
  readonly exceptions: Readonly<Record<BrokerName, Readonly<Record<string, Exception>>>>
}

export interface Exception {
  readonly result: 'fails' | 'hangs'
  readonly reason: string
  /** A part of its output that identifies this failure. */
  readonly prints: string
}

const ACL = `topic readwrite #
# a filter that begins with a wildcard does not match names that begin with "$"
topic readwrite $TopicA/#
topic deny test/nosubscribe
`
const SETTINGS = {
  // both suites want a failure for a SUBSCRIBE to what may not be read
  subscribe: 'check',
  // the proxy connects before a test does
  connectTimeout: '60',
}
const GRANTED = fails('an acl_file of Mosquitto grants every SUBSCRIBE', 'should be 0x80')

const MQTT_3: Suite = {
  version: '3',
  title: 'MQTT 3.1.1',
  module: 'client_test',
  broker: { acl: ACL, gateway: SETTINGS, mosquitto: [] },
  tests: [
    'testBasic',
    'test_dollar_topics',
    'test_keepalive',
    'test_offline_message_queueing',
    'test_overlapping_subscriptions',
    'test_redelivery_on_reconnect',
    'test_retained_messages',
    'test_subscribe_failure',
    'test_unsubscribe',
    'test_zero_length_clientid',
    'will_message_test',
  ],
  exceptions: {
    gateway: {},
    mosquitto: {
      test_overlapping_subscriptions: fails(
        'the QoS is that of one matching subscription, not the highest',
        'assert callback.messages[0][2] == 2',
      ),
      test_subscribe_failure: GRANTED,
    },
  },
}

const MQTT_5: Suite = {
  version: '5',
  title: 'MQTT 5',
  module: 'client_test5',
  broker: {
    acl: ACL,
    gateway: {
      ...SETTINGS,
      // test_server_keep_alive wants exactly this one
      maxKeepAlive: '60',
      // test_flow_control2 sends one more; its client hangs when it runs out of packet identifiers
      receiveMaximum: '20',
      topicAliasMaximum: '10',
      topicAliasesOut: '10',
    },
    mosquitto: ['max_keepalive 60', 'max_inflight_messages 20', 'max_topic_alias 10'],
  },
  tests: [
    'test_assigned_clientid',
    'test_basic',
    'test_client_topic_alias',
    'test_dollar_topics',
    'test_flow_control1',
    'test_flow_control2',
    'test_keepalive',
    'test_maximum_packet_size',
    'test_offline_message_queueing',
    'test_overlapping_subscriptions',
    'test_payload_format',
    'test_publication_expiry',
    'test_redelivery_on_reconnect',
    'test_request_response',
    'test_retained_message',
    'test_server_keep_alive',
    'test_server_topic_alias',
    'test_session_expiry',
    'test_shared_subscriptions',
    'test_subscribe_failure',
    'test_subscribe_identifiers',
    'test_subscribe_options',
    'test_unsubscribe',
    'test_user_properties',
    'test_will_delay',
    'test_will_message',
    'test_zero_length_clientid',
  ],
  exceptions: {
    gateway: {
      test_subscribe_failure: fails(
        'the suite cannot read SUBACK 0x87 (Not authorized)',
        'must be 0, 1, 2 or 0x80',
      ),
    },
    mosquitto: {
      test_flow_control2: {
        result: 'hangs',
        reason: 'PUBREC 0x97 (Quota exceeded) instead of DISCONNECT 0x93',
        prints: '',
      },
      test_server_topic_alias: fails('it never sends a topic alias', 'False is not true : []'),
      test_subscribe_failure: GRANTED,
      test_subscribe_identifiers: fails(
        'it sends one message for each matching subscription',
        'AssertionError: 2 != 1',
      ),
      test_will_delay: fails(
        'the will waits for its delay although the session ended before',
        '!= 1 within 1 delta',
      ),
    },
  },
}

export const SUITES: readonly Suite[] = [MQTT_3, MQTT_5]

function fails(reason: string, prints: string): Exception {
  return { result: 'fails', reason, prints }
}
