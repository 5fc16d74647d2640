import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createCatalog, type FieldEntry, numberName } from '../../src/catalog/catalog.ts'
import { parseTopics } from '../../src/catalog/parse.ts'

const entriesOf = (text: string) => {
  const parsed = parseTopics(Buffer.from(text))
  assert.ok(parsed.ok, JSON.stringify(parsed))
  return parsed.entries
}
const errorsOf = (text: string | Buffer) => {
  const parsed = parseTopics(Buffer.from(text))
  assert.ok(!parsed.ok)
  return parsed.errors.map(({ line, column, message }) => `${line}:${column} ${message}`)
}

describe('a topics file', () => {
  it('has one pattern per line, with settings for its topics', () => {
    const [temperature, climate, all] = entriesOf(`\ufeff# what we measure
sensors/+/temperature  name "Temperature of %1" unit °C silence 15m min -40 max 85 # outside

rooms/+/climate field temperature unit °C silence 1h\r
rooms/+/climate field humidity unit % class humidity name "Humidity, \\"%1\\""
"#" silence off
`)
    assert.deepEqual(temperature, {
      pattern: 'sensors/+/temperature',
      silenceMs: 900_000,
      fields: [
        {
          line: 2,
          field: null,
          name: 'Temperature of %1',
          unit: '°C',
          deviceClass: 'temperature',
          min: -40,
          max: 85,
        },
      ],
    })
    assert.equal(climate?.silenceMs, 3_600_000)
    assert.deepEqual(
      climate?.fields.map(({ line, field, name, deviceClass }) => [line, field, name, deviceClass]),
      [
        [4, 'temperature', null, 'temperature'],
        [5, 'humidity', 'Humidity, "%1"', 'humidity'],
      ],
    )
    assert.deepEqual([all?.pattern, all?.silenceMs], ['#', null])
  })

  it('is refused with the line and the column of each mistake', () => {
    assert.deepEqual(
      errorsOf(`a/+b unit x
a unti x
a unit
a unit x unit y
a name "no end
a name "x"y
a min 5 max 4
a max lots
a silence 90
a silence 0s
a silence 400d
a/+ name "%2"
a class warmth
a field .x
$SYS/a unit x
a unit ""
b unit x
b unit y
c silence 1m
c field x silence 2m
`),
      [
        '1:1 the pattern may contain "+" only as a whole level [MQTT-4.7.1-3]',
        '2:3 "unti" is not one of name, unit, class, silence, min, max, field',
        '3:3 unit has no value',
        '4:10 unit appears twice',
        '5:8 the closing quote is missing',
        '6:11 a space must follow the closing quote',
        '7:1 min 5 is above max 4',
        '8:7 "lots" is not a number',
        '9:11 silence must be from 1s to 366d, such as 30s, 15m, 6h or 2d, or off, not "90"',
        '10:11 silence must be from 1s to 366d, such as 30s, 15m, 6h or 2d, or off, not "0s"',
        '11:11 silence must be from 1s to 366d, such as 30s, 15m, 6h or 2d, or off, not "400d"',
        '12:10 %2 has no value, because the pattern has only 1 wildcards',
        '13:9 "warmth" is not a Home Assistant device class for numeric sensors, such as humidity',
        '14:9 field must be a JSON member, such as temperature or climate.indoor',
        '15:1 the pattern must not start with "$": such topics are reserved for the broker',
        '16:8 must be 1 to 20 characters',
        '18:1 line 17 has this pattern already; each further line for it needs a field',
        '20:1 an earlier line of this pattern has another silence',
      ],
    )
    assert.deepEqual(errorsOf(Buffer.from([0x61, 0xff])), ['1:1 not valid UTF-8'])
  })

  it('has a bounded number of lines, and reports a hundred errors at most', () => {
    const lines = (count: number) =>
      Array.from({ length: count }, (_, n) => `t/${n} unit x`).join('\n')
    assert.equal(entriesOf(lines(2_000)).length, 2_000)
    assert.deepEqual(errorsOf(lines(2_005)), ['2001:1 more than 2000 lines'])
    assert.equal(errorsOf('a b c\n'.repeat(1000)).length, 100)
  })

  it('never throws, and reads quoted text unchanged', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        parseTopics(Buffer.from(bytes))
      }),
    )
    fc.assert(
      fc.property(fc.stringMatching(/^[ -$&-~]{1,50}$/), (name) => {
        const quoted = `"${name.replaceAll(/["\\]/g, '\\$&')}"`
        assert.equal(entriesOf(`a name ${quoted}`)[0]?.fields[0]?.name, name)
      }),
    )
  })
})

describe('the catalog', () => {
  const text = `rooms/kitchen/+ unit K
rooms/+/temperature unit °C silence 1m
rooms/# silence off
`

  it('uses the first pattern that covers a topic', () => {
    const catalog = createCatalog(entriesOf(text), 5000)
    const unitOf = (topic: string) => catalog.of(topic).entry?.fields[0]?.unit
    assert.equal(unitOf('rooms/kitchen/temperature'), 'K')
    assert.equal(unitOf('rooms/bath/temperature'), '°C')
    assert.equal(catalog.of('rooms/bath/temperature').silenceMs, 60_000)
    assert.equal(catalog.of('rooms/kitchen/temperature').silenceMs, 5000)
    assert.equal(catalog.of('rooms/bath/x').silenceMs, null)
    assert.deepEqual(catalog.of('other'), { entry: null, silenceMs: 5000 })
    assert.deepEqual(createCatalog([], null).of('other'), { entry: null, silenceMs: null })
  })

  it('fills wildcards into names', () => {
    const named = (name: string | null, field: string | null = null) =>
      ({ name, field }) as FieldEntry
    assert.equal(numberName('a/+/b/#', named('%2 of %1, 50%'), 'a/x/b/y/z'), 'y/z of x, 50%')
    assert.equal(numberName('a/#', named('%1!'), 'a'), '!')
    assert.equal(numberName('a/+', named(null), 'a/b'), 'a/b')
    assert.equal(numberName('a/+', named(null, 'c.d'), 'a/b'), 'a/b c.d')
  })
})
