import type { Broker } from '../../../src/broker/broker.ts'
import { openMqtt } from '../../support/broker.ts'
import { message } from '../../support/message.ts'
import { startMosquitto } from '../../support/mosquitto.ts'
import { startNats } from '../../support/nats.ts'
import { ARRIVED, brokerContract, EVERYTHING, type OpenedBroker } from '../contract.ts'

/** A broker in front of another one, which is started for it. */
async function open(
  start: () => Promise<AsyncDisposable & { readonly port: number }>,
): Promise<OpenedBroker> {
  const other = await start()
  const { broker } = await openMqtt(`mqtt://127.0.0.1:${other.port}`, '')
  await broker.uplink?.connected(5_000)
  return {
    broker,
    arrived: () => arrived(broker),
    async remove() {
      await broker.close()
      await other[Symbol.asyncDispose]()
    },
  }
}

/** Resolves when a marker comes back: messages of one connection come back in order. */
async function arrived(broker: Broker): Promise<void> {
  const came = Promise.withResolvers<void>()
  const stop = await broker.subscribe([ARRIVED], () => came.resolve())
  await broker.publish(message(ARRIVED, '', { qos: 1 }))
  await came.promise
  await stop()
}

brokerContract('mqtt: in front of Mosquitto, which speaks MQTT 5', () => open(startMosquitto), {
  ...EVERYTHING,
  times: false,
  dollarNames: false,
})

brokerContract('mqtt: in front of NATS, which speaks MQTT 3.1.1', () => open(startNats), {
  times: false,
  devices: false,
  retainFlags: false,
  qosOrder: false,
  dollarNames: false,
})
