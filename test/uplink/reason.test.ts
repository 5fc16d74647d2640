import assert from 'node:assert/strict'
import { it } from 'node:test'
import { reasonText } from '../../src/uplink/reason.ts'

it('the sentence of a refusal follows the name of its reason code, without MQTT clauses', () => {
  const said: [reasonCode: number, reasonString: string | undefined, shown: string][] = [
    [0x87, 'The file says no.', 'Not authorized: The file says no'],
    [0x87, undefined, 'Not authorized'],
    [0x81, 'The client sent x [MQTT-3.3.2-2].', 'Malformed Packet: The client sent x'],
    [0x82, 'The client sent [x] [MQTT-1, MQTT-2]', 'Protocol Error: The client sent [x]'],
    [0xee, '', 'reason code 238'],
  ]
  for (const [reasonCode, reasonString, shown] of said) {
    const properties = reasonString === undefined ? undefined : { reasonString }
    assert.equal(reasonText({ reasonCode, properties }), shown)
  }
})

it('a sentence as long as MQTT allows is handled quickly, and shortened', () => {
  const started = process.cpuUsage()
  const reasonString = `begin${' '.repeat(65_000)}end`
  assert.equal(
    reasonText({ reasonCode: 0x80, properties: { reasonString } }),
    'Unspecified error: begin',
  )
  assert.ok(process.cpuUsage(started).user < 1_000_000)
})
