import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lintAcl } from '../../src/acl/lint.ts'
import { parseAcl } from '../../src/acl/parse.ts'
import { SAMPLE_ACL } from '../../src/ca/sample-acl.ts'
import { anyFile } from './generator.ts'

function findings(file: string | Buffer): string[] {
  return lintAcl(Buffer.from(file)).map(
    ({ severity, line, column, code }) => `${line}:${column} ${severity} ${code}`,
  )
}

for (const [file, ...expected] of [
  ['# fine\r\n\r\nuser sensor\r\ntopic write wott/temperature\r\npattern read dev/%u/#\r\n'],
  ['user a\ntopic read $SYS/#\ntopic write $SYS/broker/connection/+/state\ntopic deny $SYS/x\n'],

  ['', '1:1 warning no_rules'],
  ['user a\ntopic deny\n', '2:7 warning access_word_as_topic'],
  ['pattern readwrite\n', '1:9 warning access_word_as_topic', '1:9 warning pattern_for_everybody'],
  ['topic read a\ntopic read b\n', '1:1 warning anonymous_unused'],
  ['user a\n  topic read a\tb\n', '2:14 warning never_matches'],
  ['user a\ntopic read $share/g/a\n', '2:12 warning never_matches'],
  [`user a\ntopic read ${'a/'.repeat(100)}a\n`, '2:12 warning never_matches'],
  [`user a\ntopic read ${'a/'.repeat(99)}a/#\n`],
  ['user a\ntopic write $SYS/x\n', '2:13 warning never_published'],
  ['user a\ntopic readwrite $SYSTEM/#\n', '2:17 warning never_published'],
  ['user a\ntopic $x\n', '2:7 warning never_over_http'],
  ['user a\ntopic read #\n', '2:12 warning covers_everything'],
  ['user a\ntopic deny +/#\n', '2:12 warning covers_everything'],
  ['user a\ntopic a/%u\n', '2:7 warning placeholder_literal'],
  ['user a\ntopic read a\u00a0\n', '2:12 warning invisible_character'],
  ['user \u200ba\ntopic read a\n', '1:6 warning invisible_character'],
  ['user a # b\ntopic read a\n', '1:6 warning comment_in_name'],
  ['user a/b\ntopic read a\n', '1:6 warning user_never_seen'],
  [`user ${'a'.repeat(254)}\ntopic read a\n`, '1:6 warning user_never_seen'],
  ['user a\nuser b\ntopic read a\n', '1:6 warning user_without_topics'],
  ['user a\ntopic read a\nuser b\npattern read %u\n', '3:6 warning user_without_topics'],
  ['user a\ntopic read a\nuser b\ntopic a\nuser a\ntopic b', '5:6 warning user_repeated'],
  ['pattern read a\n', '1:14 warning pattern_for_everybody'],
  ['pattern read a/%c\n', '1:14 warning client_id_chosen'],
  ['pattern deny a/%c\n', '1:14 warning client_id_chosen'],
  ['pattern read a/%u/%c\n'],
  ['pattern read dev-%u/#\n', '1:14 warning placeholder_in_level'],
  ['user a\ntopic read a/b\ntopic deny a/+\n', '2:12 warning shadowed'],
  ['user a\ntopic read a/#\ntopic deny a/+\n'],
  ['user a\ntopic read a/b\nuser b\ntopic deny a/b\n'],
  ['pattern deny a/%u/#\npattern write a/%u/b\n', '2:15 warning shadowed'],
  ['pattern deny dev/%u/x\nuser a\ntopic read dev/a/#\n', '1:14 warning deny_outranked'],
  ['pattern deny dev/%u/x\nuser a\ntopic read dev/b/#\n'],
  ['pattern deny dev/%u/x\nuser a\ntopic deny dev/a/#\n'],
  [
    `user a\ntopic #\ntopic deny ${'x'.repeat(244)}`,
    '2:7 warning covers_everything',
    '3:1 warning last_line_ignored',
  ],

  ['user a\n  # b\ntopic\tread a\n', '2:1 error comment_indented', '3:6 error tab_separator'],
  [
    'user a\ntopic deny\ntopic c d\n',
    '2:7 warning access_word_as_topic',
    '3:7 error access_unknown',
  ],
] as const)
  test(`finds ${expected.join(', ') || 'nothing'} in ${JSON.stringify(file.slice(0, 60))}`, () => {
    assert.deepEqual(findings(file), [...expected])
  })

test('names the first line of the file that a denying pattern does not override', () => {
  const file = 'user z\ntopic read x\nuser a\ntopic read x\npattern deny x\n'
  const finding = lintAcl(Buffer.from(file)).find(({ code }) => code === 'deny_outranked')
  assert.equal(
    finding?.message,
    'does not override the lines of a user, such as line 2, "topic read x"',
  )
})

test('finds what is not UTF-8', () => {
  const file = Buffer.from('user caf\xe9\ntopic read a\nuser b\ntopic read \xe9\n', 'latin1')
  assert.deepEqual(findings(file), ['1:6 warning never_matches', '4:12 warning never_matches'])
})

test('finds nothing in the file that init writes', () => {
  assert.deepEqual(findings(SAMPLE_ACL), [])
})

test('has an error exactly where the file does not load, and writes nothing unseen', () => {
  fc.assert(
    fc.property(anyFile, (file) => {
      const found = lintAcl(Buffer.from(file))
      const parsed = parseAcl(Buffer.from(file))
      const errors = found.filter(({ severity }) => severity === 'error')
      assert.equal(errors.length, parsed.ok ? 0 : parsed.errors.length)
      for (const { line, column, message } of found) {
        assert.ok(line >= 1 && column >= 1)
        assert.doesNotMatch(message, /\p{C}/u)
      }
    }),
    { numRuns: 1000 },
  )
})
