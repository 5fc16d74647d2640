import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Pattern } from '../../src/config/pattern.ts'
import { cpuTime } from '../support/cpu-time.ts'

/** Patterns with repetitions that are small enough for JavaScript's backtracking. */
const { pattern } = fc.letrec<{ pattern: string; term: string; atom: string }>((tie) => ({
  atom: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '[^a]',
      '[\\]a-c]',
      '\\w',
      '\\d',
      '\\.',
      '\\u0061',
      '\\x62',
    ),
    fc.constantFrom('é', '😀', '\\u{1f600}', '\\ud83d\\ude00', '\\p{L}', '^', '$', '\\/', '()'),
    fc
      .tuple(fc.constantFrom('(', '(?:', '(?<name>'), tie('pattern'))
      .map(([open, inside]) => `${open}${inside})`),
  ),
  term: fc
    .tuple(tie('atom'), fc.constantFrom('', '', '', '*', '+', '?', '*?', '{2}', '{0,2}', '{1,}'))
    .map(([atom, times]) => (atom === '^' || atom === '$' ? atom : atom + times)),
  pattern: fc.oneof(
    { depthSize: 'small' },
    fc.array(tie('term'), { maxLength: 3 }).map((terms) => terms.join('')),
    fc.tuple(tie('pattern'), tie('pattern')).map((both) => both.join('|')),
  ),
}))

describe('a pattern', () => {
  it('matches the same texts as JavaScript', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', '1', '.', 'é', '😀', '\n', '/', ']'), {
      maxLength: 6,
    })
    let compared = 0
    fc.assert(
      fc.property(pattern, text, (source, characters) => {
        let theirs: RegExp
        try {
          theirs = new RegExp(`^(?:${source})$`, 'u')
        } catch {
          return // two groups of one name
        }
        compared += 1
        const whole = characters.join('')
        assert.equal(
          new Pattern(source).test(whole),
          theirs.test(whole),
          `${source} on ${JSON.stringify(whole)}`,
        )
      }),
      { numRuns: 1000 },
    )
    assert.ok(compared > 500)
  })

  it('is matched quickly, also with nested repetitions', () => {
    for (const source of [
      '^(a+)+$',
      '^(a|a)*$',
      '^(a*)*b?$',
      '^(.*){1,9}x$',
      '^.*.*.*.*.*.*.*x$',
      '^(a?){120}a{120}$',
    ]) {
      const compiled = new Pattern(source)
      const spent = cpuTime(() => {
        compiled.test(`${'a'.repeat(252)}!`)
        compiled.test('a'.repeat(120))
      })
      assert.ok(spent < 500, `${source}: ${spent} ms`)
    }
  })

  it('is refused with an alternative where it needs backtracking', () => {
    for (const source of [
      '(a)\\1',
      '(?<x>a)\\k<x>',
      '(?=a)a',
      '(?!a)b',
      '(?<=a)b',
      '(?<!a)b',
      '\\ba',
      'a\\B',
      '(?i:a)',
    ])
      assert.throws(() => new Pattern(source), /must not contain .*: use only/, source)
    for (const source of [
      'a{1001}',
      '(a{100}){100}',
      '((){1000000}){1000000}',
      '(((a?){50}){50}){50}',
    ])
      assert.throws(() => new Pattern(source), /smaller/, source)
    assert.throws(() => new Pattern('(a'), SyntaxError)
  })
})
