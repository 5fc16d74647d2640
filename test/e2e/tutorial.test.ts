import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { follow } from '../support/clients.ts'
import { startGateway } from '../support/gateway.ts'

/** The commands of the tutorial's containers, with its variables; counted instead of random values, so that a loss is seen. */
const OPTIONS =
  '--cafile "$CERTS/ca.crt" --cert "$CERTS/client.crt" --key "$CERTS/client.key" -h "$MQTT_SERVER" -p "$MQTT_PORT"'
const SUBSCRIBE = `stdbuf -oL mosquitto_sub -v ${OPTIONS} -t "$MQTT_TOPIC"`
const PUBLISH = `while true; do
  temperature=$((temperature % 50 + 1))
  echo "Sending temperature $temperature"
  mosquitto_pub ${OPTIONS} -t "$MQTT_TOPIC" -m "$temperature" || exit
  sleep 0.1
done`

/** The tutorial's permission.acl, uncommented. */
const PERMISSIONS = `user both.d.wott.local
topic readwrite wott/temperature

user publisher.d.wott.local
topic write wott/temperature

user subscriber.d.wott.local
topic read wott/temperature
`

describe("the tutorial's own clients", () => {
  it('work with the gateway in place of their broker, with a device certificate as server certificate', async () => {
    // one identity certificate with only its own name is used for both roles
    await using at = await startGateway({ acl: PERMISSIONS, id: 'localhost' })
    const publisher = await at.pki.issue('publisher.d.wott.local')
    const subscriber = await at.pki.issue('subscriber.d.wott.local')
    const environment = `export MQTT_SERVER=localhost MQTT_PORT=${at.ports.mqtt} MQTT_TOPIC=wott/temperature`
    await using subscribing = follow('bash', [
      '-c',
      `${environment} CERTS=${subscriber.directory}; exec ${SUBSCRIBE}`,
    ])
    await using publishing = follow('bash', [
      '-c',
      `${environment} CERTS=${publisher.directory}; ${PUBLISH}`,
    ])
    const [, first] = /^wott\/temperature (\d+)$/.exec(await subscribing.next()) ?? []
    assert.ok(first)
    // every temperature published since then arrives, in order
    let sent = await publishing.next()
    while (sent !== `Sending temperature ${first}`) sent = await publishing.next()
    for (let round = 0; round < 3; round++)
      assert.equal(
        `Sending ${(await subscribing.next()).replace('wott/', '')}`,
        await publishing.next(),
      )
  })
})
