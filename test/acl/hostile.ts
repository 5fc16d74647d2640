import type { Who } from '../../src/acl/rules.ts'
import { MAX_TOPIC_LEVELS } from '../../src/topic/topic.ts'

export interface Hostile {
  readonly name: string
  readonly bytes: Buffer
  readonly who: Who
  readonly topic: string
  readonly filter: string
}

// the most that the doors accept
const LEVELS = MAX_TOPIC_LEVELS

/** Files, names and topics made to be slow: each matches as far as possible and then fails. */
export function* hostile(): Generator<Hostile> {
  const short = { user: 'u', clientId: 'c' }
  const levels = (n: number) =>
    Array.from({ length: LEVELS - 1 }, (_, k) => ((n >> (k % 16)) & 1 ? '+' : 'a'))
  const deep = Array(LEVELS - 1)
    .fill('a')
    .join('/')
  const lines = (count: number, line: (n: number) => string) =>
    Buffer.from(`${Array.from({ length: count }, (_, n) => line(n)).join('\n')}\n`)

  yield {
    name: '5,000 wildcard patterns as deep as topics that differ in every level',
    bytes: lines(5000, (n) => `pattern read ${levels(n).join('/')}/x`),
    who: short,
    topic: `${deep}/y`,
    filter: `${deep}/y`,
  }
  yield {
    name: '5,000 own rules as deep as topics that differ in every level',
    bytes: Buffer.concat([
      Buffer.from('user u\n'),
      lines(5000, (n) => `topic read ${levels(n).join('/')}/x`),
    ]),
    who: short,
    topic: `${deep}/y`,
    filter: `${deep}/y`,
  }
  yield {
    name: '5,000 patterns as deep as topics with %c in each level, a long id',
    bytes: lines(
      5000,
      (n) =>
        `pattern deny ${Array(LEVELS - 1)
          .fill('%c')
          .join('/')}/${n}`,
    ),
    who: { user: 'u', clientId: 'a'.repeat(300) },
    topic: `${Array(LEVELS - 1)
      .fill('a'.repeat(300))
      .join('/')}/x`,
    filter: '#',
  }
  yield {
    name: '5,000 patterns that put a name of 32,000 bytes in different places',
    bytes: lines(5000, (n) => `pattern read ${'a'.repeat(n % 200)}%c${'a'.repeat(n >> 4)}b`),
    who: { user: 'u', clientId: 'a'.repeat(32_000) },
    topic: 'a'.repeat(65_000),
    filter: 'a'.repeat(65_000),
  }
  yield {
    name: '30 patterns of 32,000 %c each, an id of one byte',
    bytes: lines(30, (n) => `pattern read ${'%c'.repeat(32_000)}${n}`),
    who: { user: 'u', clientId: 'a' },
    topic: 'a'.repeat(65_000),
    filter: 'a'.repeat(65_000),
  }
  yield {
    name: '5,000 patterns that a name of 65,000 bytes fills',
    bytes: lines(5000, (n) => `pattern read +/%c/${n}`),
    who: { user: 'u', clientId: 'a'.repeat(65_000) },
    topic: `x/${'a'.repeat(65_000)}/y`,
    filter: `+/${'a'.repeat(65_000)}/y`,
  }
  yield {
    name: '2,000 lines that allow what 2,000 deny',
    bytes: lines(4000, (n) =>
      n % 2 ? `pattern deny a/${'+/'.repeat(n % 90)}#` : `pattern read a/+/${'+/'.repeat(n % 90)}#`,
    ),
    who: short,
    topic: Array(100).fill('a').join('/'),
    filter: 'a/#',
  }
  yield {
    name: '100,000 rules of one user',
    bytes: Buffer.concat([
      Buffer.from('user u\n'),
      lines(100_000, (n) => `topic read wott/${n}/temperature`),
    ]),
    who: short,
    topic: 'wott/77777/temperature',
    filter: 'wott/+/humidity',
  }
  yield {
    name: '500,000 rules of one user, every one the same',
    bytes: Buffer.concat([Buffer.from('user u\n'), lines(500_000, () => 'topic read a/b/#')]),
    who: short,
    topic: 'a/b/c',
    filter: 'x/#',
  }
  yield {
    name: 'four rules at each level of a deep topic',
    bytes: Buffer.concat([
      Buffer.from('user u\n'),
      lines(400, (n) => {
        const right = ['read', 'write', 'readwrite', 'deny'][n % 4]
        return `topic ${right} ${'a/'.repeat(1 + (n >> 2))}#`
      }),
    ]),
    who: short,
    topic: Array(LEVELS).fill('a').join('/'),
    filter: Array(LEVELS).fill('+').join('/'),
  }
  yield {
    name: '10,000 patterns as deep as topics, and an id of 30 levels',
    bytes: lines(10_000, (n) => `pattern read ${levels(n).join('/').slice(0, 139)}/%c/x`),
    who: { user: 'u', clientId: Array(30).fill('a').join('/') },
    topic: `${deep}/y`,
    filter: '#',
  }
  yield {
    name: '300 patterns that differ in where the client id stands',
    bytes: lines(
      300,
      (n) =>
        `pattern deny ${Array.from({ length: 20 }, (_, k) => ((n >> k) & 1 ? '%c' : '+')).join('/')}/x`,
    ),
    who: { user: 'u', clientId: 'a' },
    topic: `${Array(20).fill('a').join('/')}/y`,
    filter: '+/#',
  }
}
