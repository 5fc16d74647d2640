import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { linesIn } from '../../src/cli/input-lines.ts'
import { CASES, fileOf } from '../acl/mosquitto-cases.ts'
import { useAclFolder } from './acl-folder.ts'
import { start } from './program.ts'

const { path, acl } = useAclFolder()

describe('acl test', { concurrency: 2 }, () => {
  const test = (input: string | Buffer, file = 'good.acl') =>
    acl(['test', '--acl-file', file], { input })
  const question = (members: object) => `${JSON.stringify(members)}\n`
  const allowed = question({ user: 'a', clientId: 'c', action: 'publish', topic: 'a/b' })

  it('answers in order, in the documented format', async () => {
    const { code, stdout, stderr } = await test(
      allowed +
        question({ user: 'a', action: 'receive', topic: 'a/secret', expect: false }) +
        question({ user: null, action: 'receive', topic: 'public', expect: true }) +
        question({ user: 'b', clientId: '', action: 'receive', topic: 'public' }),
    )
    assert.equal(
      stdout,
      `{"allowed":true,"line":3,"rule":"topic readwrite a/#"}
{"allowed":false,"line":4,"rule":"topic deny a/secret"}
{"allowed":true,"line":1,"rule":"topic read public"}
{"allowed":false,"line":null,"rule":null}
`,
    )
    assert.deepEqual([code, stderr], [0, ''])
  })

  it('agrees with a real Mosquitto', async () => {
    const most = CASES.filter(({ acl, expectLoad }) => acl !== undefined && expectLoad === 'ok')
      .toSorted((a, b) => b.checks.length - a.checks.length)
      .slice(0, 3)
    for (const recorded of most) {
      const { id, checks } = recorded
      await writeFile(join(path(), id), fileOf(recorded))
      const asked = checks.filter(
        ({ action, filter, closed }) => action !== 'retained' && !filter && !closed,
      )
      assert.ok(asked.length > 10)
      const questions = asked.map(({ expected, ...rest }) =>
        question({ ...rest, expect: expected }),
      )
      assert.deepEqual(
        { ...(await test(questions.join(''), id)), stdout: '' },
        { code: 0, stdout: '', stderr: '' },
      )
    }
  })

  it('reports expectations that are not met, exit code 1', async () => {
    const { code, stdout, stderr } = await test(
      question({ user: 'a', action: 'publish', topic: 'a/b', expect: false }) +
        allowed +
        question({ user: 'a', action: 'publish', topic: 'a/secret', expect: 'allow' }) +
        question({ user: 'b', action: 'publish', topic: 'b', expect: true }),
    )
    assert.equal(stdout.split('\n').length, 5)
    assert.equal(
      stderr,
      `line 1: expected denied, but is allowed by line 3, "topic readwrite a/#"
line 3: expected allowed, but is denied by line 4, "topic deny a/secret"
line 4: expected allowed, but no line allows it
wott-gateway: 3 of 4 verdicts are not as expected
`,
    )
    assert.equal(code, 1)
  })

  it('skips invalid lines and answers the others, exit code 2', async () => {
    const { code, stdout, stderr } = await test(
      Buffer.concat([
        Buffer.from(
          `${allowed}\n{"user":\n[]\n${question({ user: 'a', action: 'look', topic: 'a' })}`,
        ),
        Buffer.from([0x22, 0xff, 0x22, 0x0a]),
        Buffer.from(`{"topic":"${'x'.repeat(1024 * 1024)}"}\n${allowed.trim()}`),
      ]),
    )
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      lines.map(({ allowed, error }) => allowed ?? typeof error),
      [true, 'string', 'string', 'string', 'string', 'string', true],
    )
    assert.deepEqual(
      stderr.split('\n').map((line) => line.slice(0, 24)),
      [
        ...['line 3: the line is not ', 'line 4: the line must be', 'line 5: "action" must be'],
        ...['line 6: the line is not ', 'line 7: the line is long', ''],
      ],
    )
    assert.equal(code, 2)
  })

  it('answers nothing with an ACL file that has errors', async () => {
    const { code, stdout, stderr } = await test(allowed, 'bad.acl')
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /^wott-gateway: bad\.acl:2:1 .*\nwott-gateway: bad\.acl:3:\d+ .*\n$/)
  })

  it('answers nothing without questions', async () => {
    assert.deepEqual(await test(''), { code: 0, stdout: '', stderr: '' })
    assert.deepEqual(await test('\n\r\n'), { code: 0, stdout: '', stderr: '' })
  })

  it('answers each question before it reads the next', async () => {
    await using program = start(['acl', 'test', '--acl-file', 'good.acl'], {
      cwd: path(),
      input: null,
    })
    const { stdin } = program.process
    for (const topic of ['a/1', 'b/1', 'a/2']) {
      const asked = program.lines.length
      stdin?.write(question({ user: 'a', action: 'publish', topic }))
      const { allowed } = JSON.parse(await program.line(/allowed/, asked))
      assert.equal(allowed, topic.startsWith('a'))
    }
    stdin?.end()
    assert.equal((await program.ended).code, 0)
  })

  it('answers 100,000 questions in a few seconds with little memory', async () => {
    const many = Array.from({ length: 100_000 }, (_, n) =>
      question({ user: 'a', clientId: 'c', action: 'publish', topic: `a/${n}`, expect: true }),
    )
    const began = performance.now()
    const { code, stdout } = await acl(['test', '--acl-file', 'good.acl'], {
      input: many.join(''),
      env: { NODE_OPTIONS: '--max-old-space-size=48' },
    })
    assert.equal(code, 0)
    assert.equal(
      stdout.length,
      100_000 * '{"allowed":true,"line":3,"rule":"topic readwrite a/#"}\n'.length,
    )
    assert.ok(performance.now() - began < 10_000)
  })
})

describe('lines of standard input', () => {
  async function read(longest: number, ...chunks: string[]): Promise<(string | null)[]> {
    const input = (async function* () {
      for (const chunk of chunks) yield Buffer.from(chunk, 'latin1')
    })()
    const lines = (await Array.fromAsync(linesIn(input, longest))).flat()
    assert.deepEqual(
      lines.map(({ number }) => number),
      lines.map((_, n) => n + 1),
    )
    return lines.map(({ text, problem }) => (problem === null ? text : null))
  }

  it('are the same however the input is split', async () => {
    const whole = 'one\n\ntwo\r\nGr\xc3\xbc\xc3\x9fe\xe2\x80\xa8!\nlast'
    const expected = ['one', '', 'two\r', 'Grüße\u2028!', 'last']
    assert.deepEqual(await read(99, whole), expected)
    assert.deepEqual(await read(99, ...whole), expected)
    assert.deepEqual(await read(99, `${whole}\n`), expected)
  })

  it('have a maximum length, and must be UTF-8', async () => {
    assert.deepEqual(await read(3, 'abc\nabcd\nab', 'cd\nx\n\xff\n'), [
      'abc',
      null,
      null,
      'x',
      null,
    ])
  })
})
