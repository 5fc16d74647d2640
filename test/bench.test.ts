import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { GOALS } from '../bench/goals.ts'
import { PARTS } from '../bench/parts.ts'
import { toFinding } from '../bench/support/findings.ts'
import { type About, type Section, toMarkdown } from '../bench/support/results.ts'
import { run } from './support/clients.ts'

const ROOT = resolve(import.meta.dirname, '..')
const RESULTS = resolve(ROOT, 'bench/RESULTS.md')
const ABOUT: About = {
  date: '2026-11-26',
  commit: 'abc',
  machine: '2 cores',
  versions: 'Node 26',
  load: '0.10',
  isShort: false,
}

describe('bench/', () => {
  it('takes less than 24 minutes for all its parts, whose files exist', () => {
    const parts = Object.values(PARTS)
    const minutes = parts.reduce((sum, part) => sum + part.minutes, 0)
    assert.ok(minutes < 24, `${minutes}`)
    for (const { file } of parts) assert.ok(existsSync(resolve(ROOT, 'bench', file)), file)
  })

  it('can switch off the metrics of a gateway', async () => {
    const preload = resolve(ROOT, 'bench/support/switch-meter.ts')
    const script = `await import('${resolve(ROOT, 'src/gateway.ts')}'); process.stdout.write(String(process.listenerCount('SIGUSR2')))`
    const args = ['--import', preload, '--input-type=module', '--eval', script]
    const { code, stdout } = await run(process.execPath, args)
    assert.deepEqual([code, String(stdout)], [0, '1'])
  })

  it('says of a part that failed that it did, beside the results of the others', () => {
    const finding = toFinding({
      what: 'POST',
      measured: '1/s',
      peer: 'a|b',
      ratio: '0.5 (0.4 to 0.6)',
      floor: '2 µs',
    })
    const part = { command: 'npm run bench -- x', text: 'printed', seconds: 1 }
    const sections: Section[] = [
      { ...part, title: 'One', failed: null, findings: [finding] },
      { ...part, title: 'Two', failed: 'bench/x.ts ended with 1', findings: [] },
    ]
    const text = toMarkdown(ABOUT, sections)
    assert.match(
      text,
      /^\| POST \| 1\/s \| a\\\|b \| 0\.5 \(0\.4 to 0\.6\) \| 2 µs \| {2}\| {2}\|$/m,
    )
    assert.match(
      text,
      /^\| Two \| \*\*failed\*\*: bench\/x\.ts ended with 1 \| {2}\| {2}\| {2}\| {2}\| \*\*no\*\* \|$/m,
    )
    assert.equal(text.split('printed').length - 1, 2)
  })

  it('says once what prevents goals that are missed', () => {
    const slow = { most: 1, unit: ' s', obstacle: 'It waits.' }
    const findings = [2, 3, 0.5].map((seconds) =>
      toFinding({ what: `in ${seconds} s`, measured: '', goals: [[slow, seconds]] }),
    )
    const part = { title: 'One', command: '', text: '', seconds: 1, failed: null }
    const lines = toMarkdown(ABOUT, [{ ...part, findings }]).split('\n')
    assert.deepEqual(
      lines.filter((line) => line.includes('It waits.')),
      ['- **in 2 s; in 3 s**: It waits.'],
    )
    const [, , reached] = findings
    assert.ok(
      !toMarkdown(ABOUT, [{ ...part, findings: reached ? [reached] : [] }]).includes('## Why'),
    )
  })

  it('tells from the goals whether a result reaches them', () => {
    const of = (p50: number, p99: number, isLoadLate = false) =>
      toFinding({
        what: 'latency',
        measured: '',
        isLoadLate,
        goals: [
          [GOALS.p50, p50],
          [GOALS.p99, p99],
        ],
      })
    const { goal, reached } = of(1, 5)
    assert.deepEqual(
      { goal, reached },
      { goal: 'at most 1 ms p50, at most 5 ms p99', reached: 'yes' },
    )
    assert.equal(of(0.5, 5.1).reached, 'no')
    assert.equal(of(0.5, Number.NaN).reached, 'no')
    // a late load generator makes times longer, never shorter
    assert.equal(of(0.5, 5.1, true).reached, 'not shown')
    assert.equal(of(0.5, 4, true).reached, 'yes')
  })
})

/** The README quotes results between these two lines. */
const QUOTED = /<!-- figures of bench\/RESULTS\.md -->([\s\S]*?)<!-- end of figures -->/g
/** A number with its unit, so that it does not match any number of the results. */
const FIGURE = /\d[\d.,]*(?: ?(?:µs|ms|KiB|MiB|x|s)\b|\/s\b)/g

describe('the README', () => {
  it('quotes only figures from bench/RESULTS.md', async () => {
    const readme = await readFile(resolve(ROOT, 'README.md'), 'utf8')
    const quotes = [...readme.matchAll(QUOTED)].map(([, text = '']) => text)
    assert.notEqual(quotes.length, 0)
    const results = await readFile(RESULTS, 'utf8')
    for (const quote of quotes)
      for (const [figure] of quote.matchAll(FIGURE)) assert.ok(has(results, figure), figure)
  })

  it('has no other figures of speed', async () => {
    const readme = await readFile(resolve(ROOT, 'README.md'), 'utf8')
    const rest = readme.replaceAll(QUOTED, '')
    assert.deepEqual(rest.match(/\d[\d.,]* ?(?:µs|(?:readings|messages|requests)\/s)\b/g), null)
  })
})

/** Whether a text contains this number, not only as a part of another one. */
function has(text: string, figure: string): boolean {
  const start = `(?<![\\d.,])${RegExp.escape(figure)}`
  return new RegExp(`${start}(?![\\w])`).test(text)
}
