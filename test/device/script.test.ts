import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { VERSION } from '../../src/version.ts'
import { startAny } from '../cli/program.ts'
import { run } from '../support/clients.ts'
import { createDevice, SCRIPT, SHELLS } from './device.ts'

describe('wott-device', () => {
  it('has no finding of shellcheck, for any POSIX shell', async () => {
    const { code, stdout } = await run('shellcheck', ['--shell=sh', SCRIPT])
    assert.equal(code, 0, stdout)
  })

  it('has the version of the package', async () => {
    const { stdout } = await run('sh', [SCRIPT, '--version'])
    assert.equal(stdout, `${VERSION}\n`)
  })

  it('parses the dates of certificates', async () => {
    const [source = ''] = /^seconds_of\(\) \{.*?^\}/ms.exec(await readFile(SCRIPT, 'utf8')) ?? []
    const seconds = fc.integer({ min: 0, max: Date.parse('2200-01-01') / 1000 })
    const leap = ['2028-02-28', '2028-02-29', '2028-03-01', '2100-02-28', '2100-03-01']
    const times = [
      ...leap.map((day) => Date.parse(`${day}T08:09:09Z`) / 1000),
      ...fc.sample(seconds, 200),
    ]
    const lines = times.map((time) => `seconds_of '${asOpenssl(time)}'; echo "$seconds"`)
    for (const shell of [['dash'], ['bash'], ['busybox', 'sh']]) {
      const [program = '', ...args] = shell
      const { stdout } = await run(program, [...args, '-euc', [source, ...lines].join('\n')])
      assert.deepEqual(stdout.trim().split('\n').map(Number), times)
    }
  })

  it('prints a folder as it was given, without a space at the end of a line', async () => {
    await using device = await createDevice('dash')
    const line = ['enrol', 'https://localhost:1', 'kitchen', '0'.repeat(64), '--dir', 'a/kitchen']
    const { code, stderr } = await startAny('sh', [SCRIPT, ...line], { cwd: device.home }).ended
    assert.equal(code, 75)
    assert.match(stderr, /does not answer: curl: .*[^ ]\n$/)
    const { stderr: none } = await run('sh', [SCRIPT, 'whoami', '--dir', 'a/kitchen'])
    assert.match(none, /there is no certificate in a\/kitchen /)
    await device.replace('curl', `printf '\\n503'`)
    const empty = await device.wottDevice('enrol', ...line.slice(1, 4))
    assert.match(empty.stderr, /cannot be had now \(HTTP status 503\)\n$/)
  })

  it('prints help, and errors for wrong usage, without changing anything', async () => {
    const { code, stdout } = await run('sh', [SCRIPT, '--help'])
    assert.equal(code, 0)
    for (const word of ['enrol', 'renew', 'post', 'whoami', '75', '--replace overwrites'])
      assert.ok(stdout.includes(word))
    const digits = '0'.repeat(64)
    for (const shell of SHELLS) {
      await using device = await createDevice(shell)
      for (const [args, problem] of [
        [[], /URL NAME|no command|Usage/],
        [['brew'], /unknown command "brew"/],
        [['enrol', 'https://localhost'], /enrol needs/],
        [['enrol', 'http://localhost', 'a', 'b', digits], /not the URL of a door/],
        [['enrol', 'https://a@b', 'a', 'b', digits], /not the URL of a door/],
        [['enrol', 'https://[::1]:8444/x', 'a', 'b', digits], /not the URL of a door/],
        [['enrol', 'https://localhost', '../a', 'b', digits], /cannot be the name of a device/],
        [['enrol', 'https://localhost', 'a', 'b"', digits], /invalid characters/],
        [['enrol', 'https://localhost', 'a', 'b', '00'], /64 hexadecimal digits/],
        [['renew', 'now'], /only options/],
        [['renew', '--retain'], /unknown option --retain/],
        [['post', 'a'], /TOPIC PAYLOAD/],
        [['post', 'a', 'b', '--qos', '2'], /--qos must be 0 or 1/],
        [['post', 'a', 'b', '--ack', 'a&b'], /--ack needs the id of a command/],
      ] as const) {
        const ended = await device.wottDevice(...args)
        assert.equal(ended.code, 2, `${args.join(' ')}: ${ended.stderr}`)
        if (args.length > 0) assert.match(ended.stderr, problem)
      }
      const { code, stderr } = await device.wottDevice('renew')
      assert.equal(code, 1)
      assert.match(stderr, /there is no certificate in/)
    }
  })
})

/** `Nov  6 17:32:02 2026 GMT` */
function asOpenssl(seconds: number): string {
  const [, day = '', month, year, time] = new Date(seconds * 1000).toUTCString().split(' ')
  return `${month} ${day.replace(/^0/, ' ')} ${time} ${year} GMT`
}
