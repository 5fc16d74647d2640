import fc from 'fast-check'
import type { Who } from '../../src/acl/rules.ts'

// few words, so that rules, names and topics often match
const WORDS = ['a', 'b', 'wott', 'größe', 'x y', 'alice', 'c1', '', 'deny', '%', '%x', '$x']
export const DOLLARS = [
  '$x',
  '$SYS',
  '$SYS/broker/connection',
  '$SYSTEM',
  '$share',
  '$shared',
  '$SY',
  '$sys',
]
const PLACEHOLDERS = ['%u', '%c', 'dev-%u', '%u%c', '%%u', '%cx']

/** Clients, each with its own id so that all can be connected at once. */
export const NAMES: readonly Who[] = [
  { user: null, clientId: 'c1' },
  { user: null, clientId: 'c+' },
  { user: 'alice', clientId: 'c2' },
  { user: 'alice', clientId: '#c' },
  { user: 'a', clientId: 'alice' },
  { user: 'größe', clientId: 'wott' },
  { user: 'a/b', clientId: 'c/1' },
  { user: 'a+b', clientId: 'c1x' },
  { user: '$x', clientId: '%u' },
  { user: '%c', clientId: 'x y' },
  { user: '$SYS', clientId: '$share' },
  { user: '__proto__', clientId: 'b' },
]

export const who = fc.constantFrom(...NAMES)

const first = (level: fc.Arbitrary<string>) =>
  fc.oneof({ weight: 9, arbitrary: level }, { weight: 1, arbitrary: fc.constantFrom(...DOLLARS) })

function path(level: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(first(level), fc.array(level, { maxLength: 3 }))
    .map(([head, tail]) => [head, ...tail].join('/'))
    .filter((text) => text !== '' && text.trim() === text)
}

const word = fc.constantFrom(...WORDS)
const name = fc.constantFrom(...NAMES.flatMap(({ user, clientId }) => [user ?? 'a', clientId]))

/** A topic that a PUBLISH may carry. */
export const topic = path(
  fc.oneof(
    { weight: 5, arbitrary: word },
    { weight: 2, arbitrary: name.filter((text) => !/[+#]/.test(text)) },
    { weight: 1, arbitrary: fc.constantFrom('dev-alice', 'alicec1', '%alice', 'state', '%u') },
  ),
)

/** A filter that may be subscribed to. */
export const filter = fc
  .tuple(
    path(fc.oneof({ weight: 3, arbitrary: word }, { weight: 1, arbitrary: fc.constant('+') })),
    fc.constantFrom('', '', '/#', '#'),
  )
  .map(([text, end]) => (end === '#' ? '#' : text + end))

const ruleFilter = fc
  .tuple(
    path(
      fc.oneof(
        { weight: 5, arbitrary: word },
        { weight: 2, arbitrary: fc.constant('+') },
        { weight: 2, arbitrary: fc.constantFrom(...PLACEHOLDERS) },
      ),
    ),
    fc.constantFrom('', '', '', '/#', '#'),
  )
  .map(([text, end]) => (end === '#' ? '#' : text + end))

const spaces = fc.constantFrom(' ', ' ', ' ', '   ')
const indent = fc.constantFrom('', '', '', '  ')
const trailing = fc.constantFrom('', '', '', ' ', '\r', ' \t\r')

const userLine = fc
  .tuple(indent, spaces, fc.constantFrom(...NAMES), trailing)
  .map(([before, gap, { user }, after]) => `${before}user${gap}${user ?? 'bob'}${after}`)

const ruleLine = fc
  .record({
    before: indent,
    keyword: fc.constantFrom('topic', 'topic', 'pattern'),
    gap: spaces,
    access: fc.constantFrom('', 'read', 'read', 'write', 'write', 'readwrite', 'readwrite', 'deny'),
    gap2: spaces,
    filter: ruleFilter,
    after: trailing,
  })
  .map(({ before, keyword, gap, access, gap2, filter, after }) => {
    const spelled = access || (filter.includes(' ') ? 'readwrite' : '')
    return `${before}${keyword}${gap}${spelled}${spelled && gap2}${filter}${after}`
  })

const emptyLine = fc.constantFrom('', '# a comment', '#topic read #', '  ', '\t')

const badLine = fc.constantFrom(
  'topic',
  'user',
  'user\talice',
  '\ttopic read a',
  'topic\tread a',
  'topic read\ta b',
  'topic a b',
  'topic READ a',
  'topic subscribe a',
  'topic read a#',
  'topic read +a/b',
  'topic read a/#/b',
  'topic read a # comment',
  'pattern read +%u',
  'pattern deny %u#',
  'Topic read a',
  'topics read a',
  '  # indented',
  '\ufefftopic read a',
  `topic read ${'a/'.repeat(201)}`,
)

const goodLine = fc.oneof(
  { weight: 6, arbitrary: ruleLine },
  { weight: 2, arbitrary: userLine },
  { weight: 1, arbitrary: emptyLine },
)

const joined = (lines: readonly string[], end: string) => lines.join('\n') + end

/** A file that loads, with few lines or with so many that sections are divided. */
export const goodFile = fc
  .tuple(
    fc.oneof(
      fc.array(goodLine, { maxLength: 12 }),
      fc.array(goodLine, { maxLength: 150, minLength: 60 }),
    ),
    fc.constantFrom('', '\n'),
  )
  .map(([lines, end]) => joined(lines, end))

/** A file in which one line may be wrong. */
export const anyFile = fc
  .tuple(
    fc.array(goodLine, { maxLength: 4 }),
    fc.option(badLine, { freq: 2 }),
    fc.array(goodLine, { maxLength: 4 }),
  )
  .map(([before, bad, after]) =>
    joined([...before, ...(bad === null ? [] : [bad]), ...after], '\n'),
  )

const oddBlank = fc.constantFrom(' ', ' ', ' ', '  ', '\t', ' \t', '\t ', '\v', '')
const oddStart = fc.constantFrom('', '', '', '', ' ', '   ', '\t', '\r', '\ufeff')
const oddEnd = fc.constantFrom('', '', '', ' ', '\r', '\t', '\f', '\v\r', '\u00a0', ' # c')
const oddText = fc.constantFrom(
  ...[
    'a',
    '/',
    '//',
    'a//b',
    '+/+',
    '+//',
    '/#',
    '#',
    '#/',
    'a/#/b',
    '##',
    'a+',
    '#a',
    '%u',
    '%u#',
  ],
  ...[
    '$SYS/#',
    '$share/g/a',
    'x y',
    'x  y',
    'deny',
    'read',
    'topic',
    'a\tb',
    '\ta',
    'a\rb',
    '\u0001',
  ],
  ...['a/'.repeat(200), 'a/'.repeat(201), 'x'.repeat(300), 'x'.repeat(65_535), 'x'.repeat(65_536)],
)
const oddLine = fc
  .tuple(
    oddStart,
    fc.constantFrom('topic', 'topic', 'pattern', 'user', '#', '', 'Topic'),
    oddBlank,
    fc.constantFrom('', '', 'read', 'write', 'readwrite', 'deny', 'READ', 'none'),
    oddBlank,
    fc.oneof({ weight: 9, arbitrary: oddText }, { weight: 1, arbitrary: fc.constant('') }),
    oddEnd,
  )
  .map((pieces) => pieces.join(''))
const lineEnd = fc.constantFrom('\n', '\n', '\n', '\r\n', '\n\n', '\n\r', '\r')
/** Lines about as long as the buffer of a real Mosquitto, to the byte. */
const lastLine = fc
  .tuple(
    fc.constantFrom('#', 'topic deny ', 'user ', ' ', 'topic a '),
    fc.constantFrom(254, 255, 256, 1254, 1255, 1256),
  )
  .map(([text, length]) => (text + 'x'.repeat(length)).slice(0, length))

/** A file as careless people, other systems and attackers write them. */
export const oddFile = fc
  .tuple(
    fc.array(fc.tuple(fc.oneof({ weight: 3, arbitrary: goodLine }, oddLine), lineEnd), {
      maxLength: 5,
    }),
    fc.oneof({ weight: 2, arbitrary: fc.constant('') }, lastLine),
  )
  .map(([lines, last]) => lines.flat().join('') + last)
