import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decide } from '../../src/acl/decide.ts'
import { parseAcl, parseInSteps } from '../../src/acl/parse.ts'
import { collect } from '../support/collect.ts'
import { rulesOf } from './rules-of.ts'

/** LINE:COLUMN code of every error, and the messages. */
function errorsOf(file: string | Uint8Array): { places: string[]; messages: string[] } {
  const parsed = parseAcl(typeof file === 'string' ? Buffer.from(file) : file)
  assert.ok(!parsed.ok)
  return {
    places: parsed.errors.map(({ line, column, code }) => `${line}:${column} ${code}`),
    messages: parsed.errors.map(({ message }) => message),
  }
}

for (const [line, place, advice] of [
  ['topic', '1:6 filter_missing', /write "topic read FILTER"/],
  ['pattern   ', '1:8 filter_missing', /write "pattern read FILTER"/],
  ['user', '1:5 user_missing', /write "user NAME"/],
  ['  user \t', '1:7 user_missing', /write "user NAME"/],
  ['user\talice', '1:5 tab_separator', /use a space/],
  ['\ttopic read a', '1:1 tab_separator', /use a space/],
  ['topic read\ta b', '1:11 tab_separator', /use a space/],
  ['topic a b', '1:7 access_unknown', /for example "topic readwrite a b"/],
  ['pattern READ a', '1:9 access_unknown', /write "read"/],
  ['topic none a', '1:7 access_unknown', /read, write, readwrite or deny/],
  ['topic a # b', '1:7 access_unknown', /put (the|a) comment on a line of its own/],
  ['topic read a # b', '1:14 filter_wildcard', /put (the|a) comment on a line of its own/],
  ['topic read a#', '1:13 filter_wildcard', /whole last level/],
  ['topic read größe/#/a', '1:18 filter_wildcard', /whole last level/],
  ['topic a/+b', '1:9 filter_wildcard', /whole level/],
  ['pattern deny 💡/%u+', '1:19 filter_wildcard', /whole level/],
  [`topic read ${'/'.repeat(201)}`, '1:12 filter_too_deep', /202 levels: at most 201/],
  [`topic ${'x'.repeat(65_536)}`, '1:7 filter_too_long', /65536 bytes: at most 65535/],
  [' # comment', '1:1 comment_indented', /first column/],
  ['\t# comment', '1:1 comment_indented', /first column/],
  ['Topic read a', '1:1 keyword_unknown', /write "topic"/],
  ['allow a', '1:1 keyword_unknown', /"topic \[ACCESS\] FILTER"/],
  ['\ufeffuser a', '1:1 byte_order_mark', /without a BOM/],
  ['# a \0', '1:5 nul_byte', /NUL/],
] as const)
  test(`an error names the place and the remedy: ${JSON.stringify(line.slice(0, 30))}`, () => {
    const { places, messages } = errorsOf(`${line}\n`)
    assert.deepEqual(places, [place])
    assert.match(messages[0] ?? '', advice)
  })

test('every bad line is reported', () => {
  const file = 'topic a b\ntopic read c\nuser\n\n# fine\r\nTOPIC x\n\0\ntopic \0 # a'
  assert.deepEqual(errorsOf(file).places, [
    '1:7 access_unknown',
    '3:5 user_missing',
    '6:1 keyword_unknown',
    '7:1 nul_byte',
    '8:7 nul_byte',
  ])
})

test('an error message holds no control characters and is short', () => {
  const sequence = '\u001b]0;owned\u0007\u202e\u009b31m'
  const { messages } = errorsOf(`${sequence}${'x'.repeat(10_000)} y`)
  assert.doesNotMatch(messages.join(), /\p{C}/u)
  assert.ok((messages[0]?.length ?? 0) < 400)
})

test('a file in UTF-16 is refused on its first line', () => {
  const { places } = errorsOf(Buffer.from('\ufeffuser alice\ntopic read a\n', 'utf16le'))
  assert.equal(places[0], '1:4 nul_byte')
})

test('rules count topic and pattern lines, and know the line number of each', () => {
  const rules = rulesOf(
    '# one\r\n\r\n  topic read a \t\r\nuser bob\r\ntopic read b c\r\npattern %u',
  )
  assert.equal(rules.size, 3)
  const verdict = (user: string | null, topic: string) =>
    decide(rules, { user, clientId: 'c' }, 'receive', topic)
  assert.deepEqual(verdict(null, 'a'), { allowed: true, line: 3, rule: 'topic read a' })
  assert.deepEqual(verdict('bob', 'bob'), { allowed: true, line: 6, rule: 'pattern %u' })
})

test('a name that is not UTF-8 matches no user, and such a filter no topic', () => {
  const latin1 = Buffer.from('user caf\xe9\ntopic read a\nuser bob\ntopic read caf\xe9\n', 'latin1')
  const rules = rulesOf(latin1)
  assert.equal(rules.size, 2)
  for (const spelling of ['caf\ufffd', 'caf\xe9', 'caf']) {
    const clientId = 'c'
    assert.equal(decide(rules, { user: spelling, clientId }, 'receive', 'a').allowed, false)
    assert.equal(decide(rules, { user: 'bob', clientId }, 'receive', spelling).allowed, false)
  }
})

test('U+FFFD in a file is an ordinary character', () => {
  const rules = rulesOf('user caf\ufffd\ntopic read \ufffd\n')
  const who = { user: 'caf\ufffd', clientId: 'c' }
  assert.equal(decide(rules, who, 'receive', '\ufffd').allowed, true)
  // a lone surrogate has no UTF-8 bytes and must not match U+FFFD
  assert.equal(decide(rules, who, 'receive', '\ud800').allowed, false)
})

test('rules do not change when the buffer they were read from changes', () => {
  const bytes = Buffer.from('topic read a')
  const rules = rulesOf(bytes)
  bytes.fill('x')
  assert.equal(decide(rules, { user: null, clientId: 'c' }, 'receive', 'a').allowed, true)
})

test('any bytes give either rules, or errors with the numbers of their lines', () => {
  const words = fc.constantFrom(
    'user ',
    'topic ',
    'pattern ',
    'read ',
    '\n',
    '\r',
    '\t',
    ' ',
    '#',
    '+',
    '/',
    '%u',
    '\0',
  )
  const bytes = fc
    .array(
      fc.oneof(
        words.map((word) => Buffer.from(word)),
        fc.uint8Array({ maxLength: 3 }),
      ),
    )
    .map((pieces) => Buffer.concat(pieces))
  fc.assert(
    fc.property(bytes, (file) => {
      const parsed = parseAcl(file)
      if (parsed.ok) return
      assert.ok(parsed.errors.length > 0)
      const lines = file.toString().split('\n')
      for (const { line, column } of parsed.errors)
        assert.ok(column >= 1 && column <= (lines[line - 1]?.length ?? -1) + 1)
    }),
    { numRuns: 2000 },
  )
})

test('a file that would make a decision slow is refused, naming the section', () => {
  const deep = (count: number, keyword: string) =>
    Array.from({ length: count }, (_, n) => {
      const levels = Array.from({ length: 100 }, (_, k) => ((n >> (k % 16)) & 1 ? '+' : 'a'))
      return `${keyword} read ${levels.join('/')}\n`
    }).join('')
  const names = (count: number) =>
    `pattern read ${'%c'.repeat(30_000)}/x\n` +
    Array.from({ length: count }, (_, n) => `pattern read ${'%c'.repeat(30_000)}${n + 100}\n`).join(
      '',
    )
  const shapes = (count: number) =>
    Array.from({ length: count }, (_, n) => {
      const levels = Array.from({ length: 20 }, (_, k) => ((n >> k) & 1 ? '%c' : '+'))
      return `pattern deny ${levels.join('/')}\n`
    }).join('')
  for (const fits of [
    `user a\n${deep(9000, 'topic')}user b\n${deep(9000, 'topic')}${deep(9000, 'pattern')}`,
    names(15),
    shapes(300),
    `user a\n${'topic read a/b/#\n'.repeat(100_000)}`,
  ])
    assert.ok(parseAcl(Buffer.from(fits)).ok)
  for (const [tooMuch, place] of [
    [`user b\ntopic a\nuser a\n${deep(40_000, 'topic')}`, '4:1'],
    [`user a\n${deep(20_000, 'topic')}${deep(21_000, 'pattern')}`, '20002:1'],
    [names(30), '1:1'],
    [shapes(2000), '1:1'],
  ] as const) {
    const { places, messages } = errorsOf(tooMuch)
    assert.deepEqual(places, [`${place} rules_too_costly`])
    assert.match(messages[0] ?? '', /fewer or simpler/)
  }
})

test('a file with more than a thousand errors has the rest left out, and says so', () => {
  const { places } = errorsOf('nonsense\n'.repeat(5000))
  assert.equal(places.length, 1001)
  assert.equal(places.at(-1), '1000:1 too_many_errors')
})

test('a line longer than any rule needs is refused, unless it is a comment', () => {
  const long = 'x'.repeat(2 ** 20)
  assert.ok(parseAcl(Buffer.from(`#${long}\ntopic read a\n`)).ok)
  assert.deepEqual(errorsOf(`topic read a\nuser ${long}\n`).places, ['2:1 line_too_long'])
})

test('a file is read in steps, whether its lines or names are short, long, or all of one user', () => {
  const names = Array.from({ length: 100 }, (_, n) => `${'a'.repeat(60_000)}${(n * 37) % 100}`)
  for (const [lines, atLeast] of [
    ['\n'.repeat(1_000_000), 15],
    [`# ${'a'.repeat(60_000)}\n`.repeat(100), 45],
    [`user a\n${'topic read a/b\n'.repeat(50_000)}`, 30],
    [`user a\n${Array.from({ length: 50_000 }, (_, n) => `topic read ${n}/b\n`).join('')}`, 50],
    // names that are sorted, and compared to their ends
    [names.map((name) => `user ${name}\ntopic b\n`).join(''), 140],
  ] as const)
    assert.ok([...parseInSteps(Buffer.from(lines))].length >= atLeast)
})

test('many rules are few objects, which the garbage collector would have to copy', () => {
  const file = (filter: (n: number) => string) =>
    Array.from({ length: 20_000 }, (_, n) => `topic read ${filter(n)}\n`).join('')
  for (const [lines, bytesEach] of [
    [`user a\n${file(() => 'a/b')}`, 10],
    [file(() => 'a/b'), 10],
    // the text of each is a key of a map
    [`user a\n${file((n) => `${n}`)}`, 100],
  ] as const) {
    const bytes = Buffer.from(lines)
    collect()
    const before = process.memoryUsage().heapUsed
    const parsed = parseAcl(bytes)
    collect()
    const kept = process.memoryUsage().heapUsed - before
    assert.ok(kept < 20_000 * bytesEach, `${kept} bytes of objects`)
    assert.ok(parsed.ok)
  }
})
