import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { useAclFolder } from './acl-folder.ts'

const { path, acl } = useAclFolder()

/** The folder in which this file now is. */
async function withFile(name: string, text: string): Promise<string> {
  const made = join(path(), name.replaceAll(/\W/g, '-'))
  await mkdir(join(made, name, '..'), { recursive: true })
  await writeFile(join(made, name), text)
  return made
}

describe('acl lint', { concurrency: 2 }, () => {
  it('prints nothing for a good file', async () => {
    assert.deepEqual(
      await acl(['lint', '--acl-file', 'clean.acl'], {
        cwd: await withFile('clean.acl', 'user a\ntopic read a\n'),
      }),
      {
        code: 0,
        stdout: 'clean.acl: no problems found\n',
        stderr: '',
      },
    )
  })

  it('names every error, exit code 1', async () => {
    const { code, stdout, stderr } = await acl(['lint', '--acl-file', 'bad.acl'])
    const [first, second, last] = stdout.split('\n')
    assert.match(first ?? '', /^bad\.acl:2:1 error: .* \(keyword_unknown\)$/)
    assert.match(second ?? '', /^bad\.acl:3:\d+ error: .* \(filter_wildcard\)$/)
    assert.equal(last, 'bad.acl: 2 errors, no warnings')
    assert.deepEqual([code, stderr], [1, ''])
  })

  it('warns, exit code 0 without --strict', async () => {
    const lax = await acl(['lint', '--acl-file', 'odd.acl'])
    assert.match(
      lax.stdout,
      /^odd\.acl:2:17 warning: .* \(covers_everything\)\nodd\.acl: no errors, 1 warning\n$/,
    )
    assert.equal(lax.code, 0)
    const strict = await acl(['lint', '--strict', '--acl-file', 'odd.acl'])
    assert.deepEqual([strict.code, strict.stdout], [1, lax.stdout])
  })

  it('writes one JSON object per line', async () => {
    const { code, stdout } = await acl(['lint', '--json', '--acl-file', 'bad.acl'])
    const [first, ...more] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(Object.keys(first).sort(), [
      'code',
      'column',
      'file',
      'line',
      'message',
      'severity',
    ])
    assert.deepEqual(
      [first.file, first.line, first.severity, more.length, code],
      ['bad.acl', 2, 'error', 1, 1],
    )
  })

  it('needs a file', async () => {
    const missing = await acl(['lint', '--acl-file', 'none.acl'])
    assert.deepEqual(missing, {
      code: 2,
      stdout: '',
      stderr: 'wott-gateway: none.acl cannot be read: no such file\n',
    })
    const unnamed = await acl(['lint'])
    assert.match(
      unnamed.stderr,
      /--acl-file FILE or WOTT_ACL_FILE \(there is no \.wott\/permission\.acl here\)\n/,
    )
    assert.equal(unnamed.code, 2)
  })

  it('names the flag for a file name without one', async () => {
    const made = await withFile('rules', '')
    for (const [action, word] of [
      ['lint', 'permission.acl'],
      ['test', 'rules'],
    ] as const) {
      const { code, stderr } = await acl([action, word], { cwd: made })
      const said = `wott-gateway: too many arguments: name the file with --acl-file ${word}\n`
      assert.ok(stderr.startsWith(said), stderr)
      assert.equal(code, 2)
    }
    const { stderr } = await acl(['lint', 'x'], { cwd: made })
    assert.match(stderr, /^wott-gateway: too many arguments: "x"; /)
  })

  it('reads the file of the flag, else of the variable, else of init', async () => {
    const made = await withFile('.wott/permission.acl', '')
    await writeFile(join(made, 'other.acl'), '')
    const env = { WOTT_ACL_FILE: 'other.acl' }
    const summaries = await Promise.all([
      acl(['lint'], { cwd: made }),
      acl(['lint'], { cwd: made, env }),
      acl(['lint', '--acl-file', '.wott/permission.acl'], { cwd: made, env }),
    ])
    assert.deepEqual(
      summaries.map(({ stdout }) => stdout.split('\n').at(-2)),
      ['.wott/permission.acl', 'other.acl', '.wott/permission.acl'].map(
        (file) => `${file}: no errors, 1 warning`,
      ),
    )
  })
})

describe('acl explain', { concurrency: 2 }, () => {
  const explain = (...args: string[]) => acl(['explain', ...args, '--acl-file', 'good.acl'])

  it('names the line that decides', async () => {
    const { code, stdout, stderr } = await explain('a', 'publish', 'a/b')
    assert.match(
      stdout,
      /^allowed by good\.acl:3 "topic readwrite a\/#"\nUser "a" may publish to "a\/b"/,
    )
    assert.deepEqual([code, stderr], [0, ''])
    const denied = await explain('a', 'receive', 'a/secret')
    assert.match(denied.stdout, /^denied by good\.acl:4 "topic deny a\/secret"\n/)
    assert.equal(denied.code, 0)
  })

  it('names the line that would allow it', async () => {
    const { stdout } = await explain('b', 'publish', 'b')
    assert.match(stdout, /^denied\n(.*\n)*.*"topic write b" below "user b"/)
  })

  it('names the user of a device that is asked for by its short name', async () => {
    const cwd = await withFile('device.acl', 'user c.d.wott.local\ntopic write a\n')
    const ask = async (user: string) =>
      (await acl(['explain', user, 'publish', 'a', '--acl-file', 'device.acl'], { cwd })).stdout
    assert.match(await ask('c'), /^denied\n(.*\n)*.*"c\.d\.wott\.local".*\n$/)
    assert.doesNotMatch(await ask('d'), /d\.wott\.local/)
  })

  it('uses the WoTT ID as client id unless one is given', async () => {
    assert.match((await explain('b', 'publish', 'dev/b/x')).stdout, /^allowed by good\.acl:5 /)
    const other = await explain('b', 'publish', 'dev/b/x', '--client-id', 'c')
    assert.match(other.stdout, /^denied\n/)
  })

  it('explains anonymous clients', async () => {
    assert.match((await explain('', 'receive', 'public')).stdout, /^allowed by good\.acl:1 /)
  })

  it('writes JSON', async () => {
    const { stdout } = await explain('a', 'publish', 'a/b', '--json')
    const { sentences, ...verdict } = JSON.parse(stdout)
    assert.deepEqual(verdict, { allowed: true, line: 3, rule: 'topic readwrite a/#' })
    assert.match(sentences[0], /^User "a" may publish/)
  })

  it('refuses an invalid question', async () => {
    const ran = await Promise.all([
      explain('a', 'publsh', 'b'),
      explain('a', 'publish'),
      acl(['explain', 'a', 'publish', 'b', '--acl-file', 'bad.acl']),
    ])
    assert.deepEqual(
      ran.map(({ code, stdout }) => [code, stdout]),
      [
        [2, ''],
        [2, ''],
        [2, ''],
      ],
    )
    assert.match(ran[0]?.stderr ?? '', /not "publsh"; did you mean publish\?/)
    assert.match(ran[1]?.stderr ?? '', /TOPIC is missing/)
    assert.match(
      ran[2]?.stderr ?? '',
      /^wott-gateway: bad\.acl:2:1 .*\nwott-gateway: bad\.acl:3:\d+ .*\n$/,
    )
  })
})
