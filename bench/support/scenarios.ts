import type { Scenario } from './broker-load.ts'

const ONE_TO_ONE_Q0 = { publishers: 1, subscribers: 1, qos: 0, window: 4000, batch: 50 } as const
const ONE_TO_ONE_Q1 = { publishers: 1, subscribers: 1, qos: 1, window: 1000, batch: 50 } as const
const FAN_OUT = { publishers: 1, subscribers: 200, window: 200, batch: 20 } as const
// a small window, because stock aedes shifts an array as long as the messages in flight
const FAN_IN = { publishers: 200, subscribers: 1, window: 150, batch: 25 } as const

/** What bench/broker.ts measures, by the name that `--only` takes. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  '1-1-q0': { name: '1->1 QoS 0', version: 4, ...ONE_TO_ONE_Q0 },
  '1-1-q1': { name: '1->1 QoS 1', version: 4, ...ONE_TO_ONE_Q1 },
  '1-200-q0': { name: '1->200 QoS 0', version: 4, qos: 0, ...FAN_OUT },
  '1-200-q1': { name: '1->200 QoS 1', version: 4, qos: 1, ...FAN_OUT },
  '200-1-q0': { name: '200->1 QoS 0', version: 4, qos: 0, ...FAN_IN },
  '200-1-q1': { name: '200->1 QoS 1', version: 4, qos: 1, ...FAN_IN },
  '5-1-1-q0': {
    name: 'MQTT 5, 1->1 QoS 0, 5 user properties',
    version: 5,
    userProperties: 5,
    ...ONE_TO_ONE_Q0,
  },
  '5-1-1-q1': {
    name: 'MQTT 5, 1->1 QoS 1, 5 user properties',
    version: 5,
    userProperties: 5,
    ...ONE_TO_ONE_Q1,
  },
  '5-1-200-q1': { name: 'MQTT 5, 1->200 QoS 1', version: 5, qos: 1, ...FAN_OUT },
  '5-shared': {
    name: 'MQTT 5, 1->4 shared, QoS 1',
    version: 5,
    isShared: true,
    ...ONE_TO_ONE_Q1,
    subscribers: 4,
  },
  '5-alias': {
    name: 'MQTT 5, 1->1 QoS 0, topic alias',
    version: 5,
    usesAlias: true,
    ...ONE_TO_ONE_Q0,
  },
}
