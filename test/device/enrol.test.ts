import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { approveKey, denyKey } from '../../src/enrol/waiting-keys.ts'
import { startAny } from '../cli/program.ts'
import { type EnrolSite, startEnrolSite } from '../enrol/site.ts'
import { createPki } from '../support/pki.ts'
import { createDevice, type Device, SHELLS } from './device.ts'
import { fingerprintOf, lineFor } from './site.ts'

const ID = 'kitchen.d.wott.local'

const read = (path: string) => readFile(path, 'utf8')
const modeOf = async (path: string) => (await stat(path)).mode & 0o777

async function assertEnrolled({ files }: Device): Promise<void> {
  const [key, certificate] = await Promise.all([files.key, files.certificate].map(read))
  assert.equal(await read(files.combined), `${key}${certificate}`)
  const { ca, subject, publicKey } = new X509Certificate(certificate as string)
  assert.deepEqual([ca, subject], [false, `CN=${ID}`])
  const { stdout } = await startAny('openssl', ['pkey', '-in', files.key, '-pubout']).ended
  assert.equal(String(stdout), publicKey.export({ type: 'spki', format: 'pem' }))
}

for (const shell of SHELLS)
  describe(`wott-device enrol in ${shell}`, () => {
    let site: EnrolSite
    beforeEach(async () => {
      site = await startEnrolSite()
    })
    afterEach(() => site[Symbol.asyncDispose]())

    it('gets a certificate for an invite, and uses it at the gateway', async () => {
      await using device = await createDevice(shell)
      const { code, stdout, stderr } = await device.wottDevice(
        'enrol',
        ...(await lineFor(site, ID)),
      )
      assert.deepEqual([code, stderr], [0, ''])
      assert.match(stdout, /^kitchen\.d\.wott\.local: certificate until /)
      await assertEnrolled(device)
      const { files } = device
      assert.deepEqual(await Promise.all([files.key, files.combined].map(modeOf)), [0o600, 0o600])
      assert.deepEqual(await Promise.all([files.ca, files.certificate].map(modeOf)), [0o644, 0o644])
      const { serialNumber } = new X509Certificate(await read(files.certificate))
      const { event, serial } = (await site.ledger()).at(-1) ?? {}
      assert.deepEqual([event, serial], ['presented', serialNumber])
      assert.deepEqual((await readdir(`${files.directory}/.wott-device`)).sort(), ['refreshed'])
    })

    it('accepts a short name, and a fingerprint in any notation', async () => {
      await using device = await createDevice(shell)
      const [url = '', , token = '', fingerprint = ''] = await lineFor(site, 'kitchen')
      const bare = fingerprint.toLowerCase().replaceAll(':', '')
      const { code } = await device.wottDevice('enrol', `${url}/`, 'kitchen', token, bare)
      assert.equal(code, 0)
      await assertEnrolled(device)
    })

    it('sends nothing to a server with another CA', async () => {
      await using device = await createDevice(shell)
      await using other = await openRecorder(`${site.path}/certs`)
      const [, name = '', token = '', fingerprint = ''] = await lineFor(site, ID)
      const wrong = fingerprint.replace(/^../, fingerprint.startsWith('00') ? '01' : '00')
      const { code, stderr } = await device.wottDevice('enrol', other.url, name, token, wrong)
      assert.equal(code, 1)
      assert.match(stderr, /is not the expected one. Nothing secret was sent/)
      assert.equal(other.heard.length, 1)
      assert.match(other.heard[0] ?? '', /^GET \/ca\.crt\n/)
      assert.ok(!other.heard[0]?.includes(token))
      assert.ok(!/authorization/i.test(other.heard[0] ?? ''))
    })

    it('does not trust another CA that is sent with the right one', async () => {
      await using device = await createDevice(shell)
      const pki = await createPki(`${device.home}/pki`)
      const { directory, ca } = await pki.issue('gateway', { names: ['localhost'] })
      const right = await read(`${site.path}/ca/ca.crt`)
      await using other = await openRecorder(directory, `${ca}${right}`)
      const [, name = '', token = '', fingerprint = ''] = await lineFor(site, ID)
      const { code, stderr } = await device.wottDevice('enrol', other.url, name, token, fingerprint)
      assert.equal(code, 1)
      assert.match(stderr, /is not the gateway: its certificate/)
      assert.equal(other.heard.length, 1)
    })

    it('hides the token from other users of the machine', async () => {
      await using device = await createDevice(shell)
      const [url = '', name = '', token = '', fingerprint = ''] = await lineFor(site, ID)
      await device.replace('curl', `printf '%s\\n' "$@" >>${device.home}/said\nexec $real "$@"`)
      const { code } = await device.wottDevice('enrol', url, name, token, fingerprint)
      assert.equal(code, 0)
      const said = await read(`${device.home}/said`)
      assert.match(said, /simpleenroll/)
      assert.ok(!said.includes(token))
    })

    it('reports why an invite is refused', async () => {
      await using device = await createDevice(shell)
      const [url = '', name = '', token = '', fingerprint = ''] = await lineFor(site, ID)
      const refused = async (...args: string[]) => {
        const { code, stderr } = await device.wottDevice('enrol', ...args)
        assert.equal(code, 1)
        assert.deepEqual((await readdir(device.files.directory)).sort(), ['.wott-device'])
        return stderr
      }
      assert.match(await refused(url, name, `${token}a`, fingerprint), /This invite is not valid/)
      assert.match(await refused(url, 'office', token, fingerprint), /This invite is not valid/)
      await using first = await createDevice(shell)
      assert.equal((await first.wottDevice('enrol', url, name, token, fingerprint)).code, 0)
      assert.match(await refused(url, name, token, fingerprint), /The invite was used before/)
    })

    // the rest is about files and the network, where bash does as dash does; busybox has other programs too
    if (shell === 'bash') return

    it('gets another certificate for the same key when the command is repeated', async () => {
      await using device = await createDevice(shell)
      const line = await lineFor(site, ID)
      await device.replace('curl', `$real "$@"; case $* in *simpleenroll*) exit 56 ;; esac`)
      const lost = await device.wottDevice('enrol', ...line)
      assert.equal(lost.code, 75)
      assert.match(lost.stderr, /does not answer/)
      await device.restore('curl')
      assert.equal((await device.wottDevice('enrol', ...line)).code, 0)
      await assertEnrolled(device)
      const key = await read(device.files.key)
      assert.equal((await device.wottDevice('enrol', ...line)).code, 0)
      assert.equal(await read(device.files.key), key)
      await assertEnrolled(device)
      assert.equal((await device.wottDevice('enrol', ...(await lineFor(site, ID)))).code, 0)
      assert.notEqual(await read(device.files.key), key)
    })

    it('continues after a crash between key and certificate, and between the files', async () => {
      for (const program of ['curl', 'mv']) {
        await using device = await createDevice(shell)
        const line = await lineFor(site, ID)
        const when = program === 'curl' ? '*simpleenroll*' : '*combined.pem*'
        await device.replace(program, `$real "$@"; case $* in ${when}) kill -9 0 ;; esac`)
        assert.equal((await device.wottDevice('enrol', ...line)).code, null)
        await device.restore(program)
        assert.equal((await device.wottDevice('enrol', ...line)).code, 0, program)
        await assertEnrolled(device)
      }
    })

    it('keeps the device URL of the same host, and prints it', async () => {
      await using device = await createDevice(shell)
      const enrol = async (...args: string[]) => {
        const line = await lineFor(site, ID)
        const { code, stdout, stderr } = await device.wottDevice('enrol', ...line, ...args)
        assert.equal(code, 0, stderr)
        const [, url] = /^Readings go to (.*)\.$/m.exec(stdout) ?? []
        const conf = `${device.files.directory}/wott-device.conf`
        assert.match(await read(conf), new RegExp(`^device_url=${url}$`, 'm'))
        return { url, conf }
      }
      assert.equal((await enrol()).url, 'https://localhost:8443')
      const door = 'https://127.0.0.1:28443'
      assert.equal((await enrol('--device-url', door)).url, door)
      const { url, conf } = await enrol()
      assert.equal(url, door)
      await writeFile(conf, (await read(conf)).replace('//localhost', '//other.example'))
      assert.equal((await enrol()).url, 'https://localhost:8443')
    })

    it('sends nothing if it cannot write its files', async () => {
      await using device = await createDevice(shell)
      await writeFile(device.files.directory, '')
      const { code, stderr } = await device.wottDevice('enrol', ...(await lineFor(site, ID)))
      assert.equal(code, 1)
      assert.match(stderr, /certs cannot be created/)
    })

    it('leaves no half-written file on a full disk, and works once there is room', async () => {
      await using device = await createDevice(shell)
      const { directory } = device.files
      const line = (await lineFor(site, ID)).join(' ')
      const enrol = `${device.command} enrol ${line} --dir ${directory}`
      // 4 KiB per file: room for the key and the request, but nothing more
      const script = `mkdir ${directory} && mount -t tmpfs -o size=20k tmpfs ${directory}
        ${enrol}; echo "code $?"; (cd ${directory} && ls)
        mount -o remount,size=1m ${directory}; ${enrol}; echo "code $?"; (cd ${directory} && ls)
        openssl x509 -in ${directory}/combined.pem -noout -subject`
      const { stdout } = await startAny('unshare', ['--mount', 'bash', '-c', script]).ended
      assert.match(
        String(stdout),
        /^code 1\nkitchen.*\n.*\n.*\ncode 0\nca.crt\nclient.crt\nclient.key\ncombined.pem\nwott-device.conf\nsubject=CN = kitchen/,
      )
    })

    it('waits for approval without a token', async () => {
      await using device = await createDevice(shell)
      const line = [site.url, 'kitchen', fingerprintOf(site)]
      const { code, stderr } = await device.wottDevice('enrol', ...line)
      assert.equal(code, 75)
      const [, key = ''] = /device approve ([0-9a-f]{64})$/m.exec(stderr) ?? []
      assert.equal((await device.wottDevice('enrol', ...line)).code, 75)
      assert.equal(await approveKey(site.path, key), ID)
      assert.equal((await device.wottDevice('enrol', ...line)).code, 0)
      await assertEnrolled(device)
    })

    it('requests with a new key after a denial on demand', async () => {
      await using device = await createDevice(shell)
      const line = [site.url, 'kitchen', fingerprintOf(site)]
      const waiting = async (...args: string[]) => {
        const { code, stderr } = await device.wottDevice('enrol', ...line, ...args)
        assert.equal(code, 75, stderr)
        return /device approve ([0-9a-f]{64})$/m.exec(stderr)?.[1] ?? ''
      }
      const denied = await waiting()
      assert.equal(await waiting('--replace'), denied)
      await denyKey(site.path, denied)
      for (let asked = 0; asked < 2; asked++) {
        const { code, stderr } = await device.wottDevice('enrol', ...line)
        assert.equal(code, 1)
        assert.match(
          stderr,
          /denied this key a certificate\.\n.*run the same command with --replace/,
        )
      }
      const key = await waiting('--replace')
      assert.notEqual(key, denied)
      assert.equal(await waiting('--replace'), key)
      await approveKey(site.path, key)
      assert.equal((await device.wottDevice('enrol', ...line)).code, 0)
      await assertEnrolled(device)
      const { directory } = device.files
      assert.deepEqual(await readdir(`${directory}/.wott-device`), ['refreshed'])
    })

    it('does not overwrite the certificate of another name', async () => {
      await using device = await createDevice(shell)
      assert.equal((await device.wottDevice('enrol', ...(await lineFor(site, ID)))).code, 0)
      const office = await lineFor(site, 'office')
      const { code, stderr } = await device.wottDevice('enrol', ...office)
      assert.equal(code, 1)
      assert.match(stderr, /has the certificate of kitchen\.d\.wott\.local/)
      await assertEnrolled(device)
      assert.equal((await device.wottDevice('enrol', ...office, '--replace')).code, 0)
    })
  })

/** A server with the certificate of a folder that answers every request with `body`, and records requests. */
async function openRecorder(directory: string, body?: string) {
  const heard: string[] = []
  const file = (name: string) => read(`${directory}/${name}`)
  const [key, cert, ca] = await Promise.all(['client.key', 'client.crt', 'ca.crt'].map(file))
  const server = createServer({ key, cert } as object, async (request, response) => {
    const sent = String(Buffer.concat(await Array.fromAsync(request)))
    heard.push(`${request.method} ${request.url}\n${request.rawHeaders.join('\n')}\n\n${sent}`)
    response.end(body ?? ca)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    heard,
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
