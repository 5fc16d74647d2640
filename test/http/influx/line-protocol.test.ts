import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Point, readPoint } from '../../../src/http/influx/line-protocol.ts'
import { cpuTime } from '../../support/cpu-time.ts'

function point(line: string): Point {
  const read = readPoint(line, 0)
  if ('problem' in read) assert.fail(read.problem)
  return read.point
}

function problem(line: string): string {
  const read = readPoint(line, 0)
  return 'problem' in read ? read.problem : 'none'
}

const fields = (line: string) =>
  Object.fromEntries([...point(line).fields].map(([name, { text }]) => [name, text]))

describe('a line of line protocol', () => {
  it('has a measurement, tags, fields and a time', () => {
    const { measurement, tags, timestamp } = point(
      'weather,location=us-midwest,season=summer temperature=82.50,ok=t 1465839830100400200',
    )
    assert.equal(measurement, 'weather')
    assert.deepEqual(
      [...tags],
      [
        ['location', 'us-midwest'],
        ['season', 'summer'],
      ],
    )
    assert.equal(timestamp, 1465839830100400200n)
    assert.equal(point('a b=1 -5').timestamp, -5n)
    assert.equal(point('a b=1  ').timestamp, null)
  })

  it('has values of five types, with their digits unchanged', () => {
    assert.deepEqual(
      fields('a f=21.50,e=1e-3,d=.5,i=-42i,m=9223372036854775807i,u=18446744073709551615u'),
      {
        f: '21.50',
        e: '1e-3',
        d: '.5',
        i: '-42',
        m: '9223372036854775807',
        u: '18446744073709551615',
      },
    )
    assert.deepEqual(fields('a t=t,u=True,f=F,g=false,s="a b,c=d",n="",x="1i"'), {
      t: 'true',
      u: 'true',
      f: 'false',
      g: 'false',
      s: 'a b,c=d',
      n: '',
      x: '1i',
    })
    const json = [...point('a a=.5,b=1.,c=007,d=1.0,e="\\"",f=5u').fields.values()].map(
      (value) => value.json,
    )
    assert.deepEqual(json, ['0.5', '1', '7', '1.0', '"\\""', '5'])
  })

  it('has escapes where InfluxDB has them, and plain backslashes elsewhere', () => {
    const { measurement, tags } = point(
      String.raw`my\ m\,a\=b,tag\,\ \=k=v\ \,\=w,c=C:\\dir f\ \=="say \"hi\" \\ C:\n"`,
    )
    assert.equal(measurement, String.raw`my m,a\=b`)
    assert.deepEqual(
      [...tags],
      [
        ['tag, =k', 'v ,=w'],
        ['c', String.raw`C:\\dir`],
      ],
    )
    assert.deepEqual(fields(String.raw`a f\ \=="say \"hi\" \\ C:\n"`), {
      'f =': String.raw`say "hi" \ C:\n`,
    })
  })

  it('ends with a line feed, except within a string', () => {
    const text = 'a s="one\ntwo" 5\r\nb x=1'
    const read = readPoint(text, 0)
    assert.ok('point' in read)
    assert.equal(read.point.fields.get('s')?.text, 'one\ntwo')
    assert.equal(text.slice(read.end), '\r\nb x=1')
    assert.equal(fields('a b=1,c=2\nd e=3').c, '2')
  })

  it('is refused with the reason', () => {
    for (const [line, expected] of [
      [',a=b c=1', 'missing measurement'],
      ['a', 'missing fields'],
      ['a,b=c', 'missing fields'],
      ['a,b=c ', 'missing fields'],
      ['a ', 'missing fields'],
      ['a,=c d=1', 'missing tag key'],
      ['a,b d=1', 'missing tag value'],
      ['a,b= d=1', 'missing tag value'],
      ['a,b=c=d e=1', 'invalid tag format'],
      ['a,b=c,b=d e=1', 'duplicate tags'],
      ['a =1', 'missing field key'],
      ['a b=1,', 'missing field key'],
      ['a b', 'missing field value'],
      ['a b=', 'missing field value'],
      ['a b=1,c', 'missing field value'],
      ['a b=1 c', 'bad timestamp'],
      ['a b=1 1.5', 'bad timestamp'],
      ['a b=1 12345678901234567890', 'bad timestamp'],
      ['a b=1 5 6', 'bad timestamp'],
      ['a b="c', 'unbalanced quotes'],
      ['a b="c"d', 'invalid field format'],
      ['a b=c', 'invalid boolean'],
      ['a b=tRUE', 'invalid boolean'],
      ['a b=NaN', 'invalid boolean'],
      ['a b=1x', 'invalid number'],
      ['a b=0x10', 'invalid number'],
      ['a b=1e999', 'invalid number'],
      ['a b=--1', 'invalid number'],
      ['a b=1.5i', 'invalid number'],
      ['a b=-1u', 'invalid number'],
      ['a b=9223372036854775808i', 'unable to parse integer 9223372036854775808i: out of range'],
      ['a b=18446744073709551616u', 'unable to parse integer 18446744073709551616u: out of range'],
    ] as const)
      assert.equal(problem(line), expected, line)
  })

  it('is parsed in linear time', () => {
    const spent = cpuTime(() => {
      for (const line of [
        `a b=${'1'.repeat(1e6)}x`,
        `a b="${'\\"'.repeat(5e5)}`,
        `a,${'\\,'.repeat(5e5)}`,
        `${' '.repeat(1e6)}x`,
      ])
        assert.notEqual(problem(line), 'none')
    })
    assert.ok(spent < 2000, `${spent} ms`)
  })

  it('is parsed as it was written, whatever it contains', () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((value) => !/[\n\r\\]/.test(value))
    const escaped = (value: string, which: RegExp) => value.replaceAll(which, '\\$&')
    fc.assert(
      fc.property(
        text,
        fc.dictionary(text, text),
        fc.dictionary(text, text, { minKeys: 1 }),
        (measurement, tags, strings) => {
          const key = (value: string) => escaped(value, /[,= ]/g)
          const line = [
            [
              escaped(measurement, /[, ]/g),
              ...Object.entries(tags).map(([name, value]) => `${key(name)}=${key(value)}`),
            ].join(','),
            Object.entries(strings)
              .map(([name, value]) => `${key(name)}="${escaped(value, /"/g)}"`)
              .join(','),
          ].join(' ')
          const read = point(line)
          assert.equal(read.measurement, measurement)
          assert.deepEqual([...read.tags], Object.entries(tags))
          assert.deepEqual(
            [...read.fields].map(([name, value]) => [name, value.text]),
            Object.entries(strings),
          )
        },
      ),
    )
  })

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'a,= "\\1.i\n\r#') }),
        (line) => void readPoint(line, 0),
      ),
    )
  })
})
