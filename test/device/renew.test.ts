import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { revokeDevice } from '../../src/ca/devices.ts'
import { type EnrolSite, startEnrolSite } from '../enrol/site.ts'
import { run } from '../support/clients.ts'
import { createDevice, type Device, SHELLS } from './device.ts'
import { DAY_MS, DAYS, equip, lineFor, startService } from './site.ts'

const ID = 'kitchen.d.wott.local'

/** A certificate begins five minutes before it is issued, so this one is due at once. */
const BACKDATED_MINUTES = 5
const MINUTES_A_DAY = 1_440

const read = (path: string) => readFile(path, 'utf8')

async function serialOf({ files }: Device): Promise<string> {
  return new X509Certificate(await read(files.combined)).serialNumber
}

async function assertWhole({ files }: Device): Promise<void> {
  const [key, certificate] = await Promise.all([files.key, files.certificate].map(read))
  assert.equal(await read(files.combined), `${key}${certificate}`)
}

for (const shell of SHELLS)
  describe(`wott-device renew in ${shell}`, () => {
    let site: EnrolSite
    beforeEach(async () => {
      site = await startEnrolSite()
    })
    afterEach(() => site[Symbol.asyncDispose]())

    it('does nothing before two thirds of the life, and renews from three quarters on', async () => {
      await using device = await createDevice(shell)
      for (const [part, isDue] of [
        [0.01, false],
        [0.66, false],
        [0.76, true],
        [0.99, true],
      ] as const) {
        const serial = await equip(site, device.files, ID, part * DAYS * DAY_MS)
        const key = await read(device.files.key)
        const { code, stderr } = await device.wottDevice('renew')
        assert.deepEqual([code, stderr], [0, ''])
        assert.equal((await serialOf(device)) !== serial, isDue, `${part}`)
        assert.equal((await read(device.files.key)) !== key, isDue)
        await assertWhole(device)
      }
      const { event } = (await site.ledger()).at(-1) ?? {}
      assert.equal(event, 'presented')
    })

    it('spreads the renewals of devices that were enrolled together over a twelfth of the life', async () => {
      await using device = await createDevice(shell)
      const due = new Set<boolean>()
      // about half of them renew in the middle of the span; all or none has a probability of 2^-20
      for (let tried = 0; due.size < 2 && tried < 20; tried++) {
        const serial = await equip(site, device.files, ID, (2 / 3 + 1 / 24) * DAYS * DAY_MS)
        const offset = Number.parseInt(serial.slice(-3), 16) / 4096
        // never exactly at the edge
        if (Math.abs(offset - 0.5) < 0.01) continue
        assert.equal((await device.wottDevice('renew')).code, 0)
        const isDue = (await serialOf(device)) !== serial
        assert.equal(isDue, offset < 0.5)
        due.add(isDue)
      }
      assert.equal(due.size, 2)
    })

    it('keeps the key with --keep-key, and does not wait with --force', async () => {
      await using device = await createDevice(shell)
      const serial = await equip(site, device.files, ID, DAY_MS)
      const key = await read(device.files.key)
      const { code, stdout } = await device.wottDevice('renew', '--force', '--keep-key')
      assert.equal(code, 0)
      assert.match(stdout, /^kitchen\.d\.wott\.local: renewed, certificate until /)
      assert.notEqual(await serialOf(device), serial)
      assert.equal(await read(device.files.key), key)
      await assertWhole(device)
    })

    it('renews a certificate that expired recently, but not a revoked one', async () => {
      await using device = await createDevice(shell)
      const serial = await equip(site, device.files, ID, (DAYS + 7) * DAY_MS)
      assert.equal((await device.wottDevice('renew')).code, 0)
      assert.notEqual(await serialOf(device), serial)

      await equip(site, device.files, 'late.d.wott.local', (DAYS + 31) * DAY_MS)
      const late = await device.wottDevice('renew')
      assert.equal(late.code, 1)
      assert.match(
        late.stderr,
        /late\.d\.wott\.local is not renewed .*expired more than 30 days ago/,
      )

      await equip(site, device.files, 'lost.d.wott.local', 25 * DAY_MS)
      await revokeDevice(site.path, 'lost')
      const lost = await device.wottDevice('renew')
      assert.equal(lost.code, 1)
      assert.match(lost.stderr, /has been revoked/)
    })

    it('posts before and after, and reports a refusal of the gateway', async () => {
      await using device = await createDevice(shell)
      await using gateway = await startService(site)
      const door = ['--device-url', `https://localhost:${gateway.ports.device}`]
      await equip(site, device.files, ID, 25 * DAY_MS)
      const post = (...args: string[]) => device.wottDevice('post', ...args, ...door)
      assert.deepEqual(await post('kitchen/temperature', '21.5'), {
        code: 0,
        stdout: '',
        stderr: '',
      })
      assert.equal((await device.wottDevice('renew')).code, 0)
      assert.equal((await post('kitchen/Küche 1?', '@7', '--qos', '1', '--retain')).code, 0)
      const { ca, combined } = device.files
      const path = encodeURIComponent('kitchen/Küche 1?')
      const url = `https://localhost:${gateway.ports.device}/topics/${path}`
      const { stdout: retained } = await run('curl', ['-sS', '--cacert', ca, '-E', combined, url])
      assert.equal(retained, '@7')
      const orders = ['--command', '--ack', '']
      const asked = await post('kitchen/temperature', '21.5', ...orders)
      assert.deepEqual(JSON.parse(asked.stdout).command, null, asked.stderr)
      assert.equal((await post(`cmd/${ID}/a`, 'lamp on')).code, 0)
      const { command } = JSON.parse((await post('kitchen/temperature', '1', '--command')).stdout)
      assert.equal(command.payload, 'lamp on')
      const silent = await post('kitchen/temperature', '2', '--ack', command.id)
      assert.deepEqual([silent.code, silent.stdout], [0, ''])
      const done = await post('kitchen/temperature', '3', '--command')
      assert.equal(JSON.parse(done.stdout).command, null)
      const refused = await post('cellar/temperature', '21.5')
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /the gateway refuses \(HTTP status 403\): .*cellar\/temperature/)
      const { code, stdout } = await device.wottDevice('whoami', ...door)
      assert.equal(code, 0)
      assert.equal(JSON.parse(stdout).id, ID)
      const gone = await device.wottDevice('post', 'a', 'b', '--device-url', 'https://localhost:1')
      assert.equal(gone.code, 75)
      assert.match(gone.stderr, /use --device-url, or correct device_url in .*wott-device\.conf\n$/)
    })

    // the rest is about files and the network, where bash does as dash does; busybox has other programs too
    if (shell === 'bash') return

    it('exits with 75 (try again later) while the door is away, and then uses the same key', async () => {
      await using device = await createDevice(shell)
      const serial = await equip(site, device.files, ID, 25 * DAY_MS)
      await device.replace('curl', `$real "$@" >/dev/null; exit 52`)
      const lost = await device.wottDevice('renew')
      assert.equal(lost.code, 75)
      assert.match(lost.stderr, /does not answer/)
      await device.restore('curl')
      assert.equal(await serialOf(device), serial)
      const pending = await read(`${device.files.directory}/.wott-device/renew.key`)
      await writeFile(`${device.files.directory}/wott-device.conf`, 'url=https://localhost:1\n')
      assert.equal((await device.wottDevice('renew')).code, 75)
      assert.equal((await device.wottDevice('renew', '--url', site.url)).code, 0)
      assert.equal(await read(device.files.key), pending)
      await assertWhole(device)
    })

    it('tells temporary errors from permanent ones', async () => {
      await using device = await createDevice(shell)
      await equip(site, device.files, ID, 25 * DAY_MS)
      for (const [status, wanted] of [
        [429, 75],
        [500, 75],
        [503, 75],
        [302, 1],
        [403, 1],
      ] as const) {
        await device.replace('curl', `printf 'The door\\033[2J is %s.\\n\\n%s' busy ${status}`)
        const { code, stderr } = await device.wottDevice('renew')
        assert.equal(code, wanted, stderr)
        assert.match(stderr, new RegExp(`HTTP status ${status}\\): The door\\[2J is busy`))
      }
    })

    it('succeeds without the door while nothing is due', async () => {
      await using device = await createDevice(shell)
      await equip({ ...site, url: 'https://localhost:1' }, device.files, ID, DAY_MS)
      const { code, stdout, stderr } = await device.wottDevice('renew')
      assert.deepEqual([code, stdout, stderr], [0, '', ''])
    })

    it('finishes its files after a crash between them', async () => {
      await using device = await createDevice(shell)
      await equip(site, device.files, ID, 25 * DAY_MS)
      await device.replace('mv', `$real "$@"; case $* in *combined.pem*) kill -9 0 ;; esac`)
      assert.equal((await device.wottDevice('renew')).code, null)
      await device.restore('mv')
      const serial = await serialOf(device)
      await assert.rejects(assertWhole(device))
      assert.equal((await device.wottDevice('renew')).code, 0)
      await assertWhole(device)
      assert.equal(await serialOf(device), serial)
      assert.equal((await site.ledger()).at(-1)?.event, 'presented')
    })

    it('works with the files of "device add", without combined.pem and with the URL given once', async () => {
      await using device = await createDevice(shell)
      await equip(site, device.files, ID, DAY_MS)
      await Promise.all(
        [device.files.combined, `${device.files.directory}/wott-device.conf`].map((path) =>
          rm(path),
        ),
      )
      const unknown = await device.wottDevice('renew')
      assert.equal(unknown.code, 1)
      assert.match(unknown.stderr, /use --url/)
      assert.equal((await device.wottDevice('renew', '--force', '--url', site.url)).code, 0)
      assert.equal((await device.wottDevice('renew', '--force')).code, 0)
      await assertWhole(device)
    })

    it('updates the CA certificates', async () => {
      await using device = await createDevice(shell)
      await equip(site, device.files, ID, DAY_MS)
      const { ca } = device.files
      const known = await read(ca)
      await writeFile(ca, `${known}${known}`)
      assert.equal((await device.wottDevice('renew')).code, 0)
      assert.equal(await read(ca), known)
    })

    it('allows one run at a time per folder, and continues after one that was killed', async () => {
      await using device = await createDevice(shell)
      await equip(site, device.files, ID, DAY_MS)
      await device.replace(
        'curl',
        `${device.command} renew --dir ${device.files.directory} >&2; exit 7`,
      )
      const { code, stderr } = await device.wottDevice('renew', '--force')
      assert.equal(code, 75)
      assert.match(stderr, /another wott-device is at work/)
      await device.replace('curl', 'kill -9 0')
      assert.equal((await device.wottDevice('renew', '--force')).code, null)
      await device.restore('curl')
      assert.equal((await device.wottDevice('renew', '--force')).code, 0)
    })

    it('renews a certificate of one minute three times while it publishes, and loses no reading', async () => {
      await using device = await createDevice(shell)
      await using short = await startEnrolSite({ days: (1 + BACKDATED_MINUTES) / MINUTES_A_DAY })
      await using gateway = await startService(short)
      const enrolled = await device.wottDevice('enrol', ...(await lineFor(short, ID)))
      assert.equal(enrolled.code, 0, enrolled.stderr)
      const door = ['--device-url', `https://localhost:${gateway.ports.device}`]
      const serials = new Set([await serialOf(device)])
      let isRenewing = true
      let posted = 0
      async function publish(): Promise<void> {
        for (; isRenewing; posted++) {
          const { code, stderr } = await device.wottDevice(
            'post',
            'kitchen/count',
            `${posted}`,
            ...door,
          )
          assert.deepEqual([code, stderr], [0, ''])
        }
      }
      async function renewThrice(): Promise<void> {
        for (let renewed = 0; renewed < 3; renewed++) {
          assert.equal((await device.wottDevice('renew')).code, 0)
          serials.add(await serialOf(device))
        }
        isRenewing = false
      }
      await Promise.all([publish(), renewThrice()])
      assert.equal(serials.size, 4)
      assert.ok(posted >= 3)
    })
  })
