import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMetrics } from '../../src/metrics/prometheus.ts'
import { createReadings } from '../../src/metrics/readings.ts'
import { message } from '../support/message.ts'

function open() {
  let time = 1_000_000
  const readings = createReadings({ series: 1, ttlMs: 1000, now: () => time })
  const { meter, text } = createMetrics(readings, { version: '1', node: 'v26' })
  return {
    meter,
    readings,
    text,
    wait(milliseconds: number) {
      time += milliseconds
    },
    now: () => time,
    async sample(name: string): Promise<number | undefined> {
      const line = (await text()).split('\n').find((found) => found.startsWith(`${name} `))
      return line === undefined ? undefined : Number(line.slice(name.length + 1))
    },
  }
}

describe('the metrics', () => {
  it('count each event under its name and labels', async () => {
    const { meter, sample } = open()
    meter.published('mqtt', 1, 'failed')
    meter.published('mqtt', 1, 'failed')
    meter.publishTook('device', 0.002)
    meter.delivered('viewer')
    meter.deliveryDropped('mqtt', 'slow_reader')
    meter.connectionOpened('ops')
    meter.connectionOpened('ops')
    meter.connectionClosed('ops')
    meter.handshake('device', 'resumed')
    meter.streamOpened('viewer')
    meter.streamOpened('viewer')
    meter.streamClosed('viewer')
    for (const [name, value] of [
      ['wott_build_info{version="1",node="v26"}', 1],
      ['wott_publishes_total{door="mqtt",qos="1",result="failed"}', 2],
      ['wott_publish_duration_seconds_count{door="device"}', 1],
      ['wott_publish_duration_seconds_sum{door="device"}', 0.002],
      ['wott_publish_duration_seconds_bucket{le="0.001",door="device"}', 0],
      ['wott_publish_duration_seconds_bucket{le="0.0025",door="device"}', 1],
      ['wott_deliveries_total{door="viewer"}', 1],
      ['wott_deliveries_dropped_total{door="mqtt",reason="slow_reader"}', 1],
      ['wott_connections{door="ops"}', 1],
      ['wott_handshakes_total{door="device",result="resumed"}', 1],
      ['wott_streams{door="viewer"}', 1],
    ] as const)
      assert.equal(await sample(name), value, name)
  })

  it('keep the number of rules when a new file cannot be used', async () => {
    const { meter, sample } = open()
    meter.aclLoaded(7)
    const time = await sample('wott_acl_last_reload_success_timestamp_seconds')
    meter.aclLoaded(null)
    assert.equal(await sample('wott_acl_rules'), 7)
    assert.equal(await sample('wott_acl_last_reload_successful'), 0)
    assert.equal(await sample('wott_acl_last_reload_success_timestamp_seconds'), time)
  })

  it('begin at zero, so that the first event is seen', async () => {
    const { sample } = open()
    for (const name of [
      'wott_publishes_total{door="mqtt",qos="2",result="denied"}',
      'wott_publish_duration_seconds_count{door="device"}',
      'wott_connections{door="viewer"}',
      'wott_streams{door="device"}',
      'wott_deliveries_dropped_total{door="viewer",reason="slow_reader"}',
      'wott_store_limits_reached_total{limit="sessions"}',
    ])
      assert.equal(await sample(name), 0, name)
  })

  it('have a start and an end for each certificate', async () => {
    const { meter, sample } = open()
    const start = 'wott_certificate_not_before_timestamp_seconds{certificate="crl"}'
    const end = 'wott_certificate_expiry_timestamp_seconds{certificate="crl"}'
    meter.certificateValid('crl', { from: 500, to: 1_500 })
    assert.deepEqual([await sample(start), await sample(end)], [0.5, 1.5])
    meter.certificateValid('crl', null)
    assert.deepEqual([await sample(start), await sample(end)], [undefined, undefined])
  })

  it('have a reading until it expires', async () => {
    const { readings, sample, wait, now } = open()
    for (const topic of ['t', 'u'])
      readings.note(message(topic, '21.5', { device: 'd', time: now(), received: now() }))
    assert.equal(await sample('wott_reading{device="d",topic="t"}'), 21.5)
    assert.equal(await sample('wott_device_last_seen_timestamp_seconds{device="d"}'), 1000)
    assert.equal(await sample('wott_readings_overflowed_total'), 1)
    wait(1001)
    assert.equal(await sample('wott_reading{device="d",topic="t"}'), undefined)
    assert.equal(await sample('wott_device_last_seen_timestamp_seconds{device="d"}'), undefined)
    assert.equal(await sample('wott_readings_overflowed_total'), 1)
  })

  it('belong to one gateway each', async () => {
    const [one, other] = [open(), open()]
    one.meter.connectionOpened('ops')
    assert.equal(await other.sample('wott_connections{door="ops"}'), 0)
    assert.match(await other.text(), /^process_cpu_seconds_total /m)
  })
})
