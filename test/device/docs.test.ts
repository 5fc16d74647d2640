import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { identityFiles } from '../../src/ca/identity-files.ts'
import { startAny, temporaryFolder } from '../cli/program.ts'
import { type EnrolSite, startEnrolSite } from '../enrol/site.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { SCRIPT } from './device.ts'
import { DAY_MS, equip } from './site.ts'

const PAGE = join(import.meta.dirname, '../../docs/devices.md')
/** Debian's Python, which has the package `python3-requests`. */
const PYTHON = '/usr/bin/python3'
const ID = 'kitchen.d.wott.local'
const ACL = `user ${ID}\ntopic write kitchen/#\n`

/** The code blocks of one language, in order. */
async function blocksOf(language: string): Promise<string[]> {
  const text = await readFile(PAGE, 'utf8')
  const pattern = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms')
  return [...text.matchAll(pattern)].map(([, code = '']) => code)
}

interface Place extends AsyncDisposable {
  readonly site: EnrolSite
  readonly gateway: TestGateway
  /** The folder of the device. */
  readonly files: ReturnType<typeof identityFiles>
  /** Code of the page with the names and addresses of this test. */
  here(code: string, token?: string): string
}

async function openPlace(): Promise<Place> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await temporaryFolder())
  const site = stack.use(await startEnrolSite())
  const { authority, certs } = site.layout
  const settings = { certsDir: certs.directory, crlFile: authority.crl }
  const gateway = stack.use(await startGateway({ acl: ACL, settings }))
  const all = stack.move()
  return {
    site,
    gateway,
    files: identityFiles(folder.path),
    here: (code, token = '') =>
      code
        .replaceAll('https://gateway.example.com:8443', `https://localhost:${gateway.ports.device}`)
        .replaceAll('https://gateway.example.com:8444', site.url)
        .replaceAll('/opt/wott/certs', folder.path)
        .replaceAll("'wott-device', 'renew'", `'${SCRIPT}', 'renew', '--dir', '${folder.path}'`)
        .replaceAll('TOKEN', token),
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  }
}

/** The number of messages that the gateway accepted, and of certificates that the device received. */
async function countsOf({ site, gateway }: Place) {
  const taken = await gateway.metric(
    'wott_reading{device="kitchen.d.wott.local",topic="kitchen/temperature"}',
  )
  const issued = (await site.ledger()).filter(({ event, id }) => event === 'issued' && id === ID)
  return { reading: taken, issued: issued.length, last: (await site.ledger()).at(-1)?.event }
}

describe('docs/devices.md', () => {
  it('has commands with curl and openssl that enrol, publish and renew', async () => {
    await using place = await openPlace()
    const blocks = await blocksOf('sh')
    assert.equal(blocks.length, 4)
    const script = place.here(blocks.join('\n'), await place.site.invite('kitchen'))
    const cwd = place.files.directory
    const { code, stderr } = await startAny('sh', ['-euc', script], { cwd }).ended
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(await countsOf(place), { reading: 21.5, issued: 2, last: 'presented' })
    const [key, certificate] = await Promise.all(
      [place.files.key, place.files.certificate].map((path) => readFile(path, 'utf8')),
    )
    assert.equal(await readFile(place.files.combined, 'utf8'), `${key}${certificate}`)
  })

  it('has Python that publishes and renews, by itself and with wott-device', async () => {
    await using place = await openPlace()
    await equip(place.site, place.files, ID, 25 * DAY_MS)
    const blocks = await blocksOf('python')
    assert.equal(blocks.length, 3)
    const counts = []
    for (const block of [...blocks, blocks[0] as string]) {
      const { code, stderr } = await startAny(PYTHON, ['-W', 'error', '-c', place.here(block)])
        .ended
      assert.deepEqual([code, stderr], [0, ''], block)
      counts.push(await countsOf(place))
    }
    assert.deepEqual(
      counts.map(({ reading, issued }) => [reading, issued]),
      [
        [21.5, 1],
        [21.5, 2],
        [21.5, 3],
        [21.5, 3],
      ],
    )
    assert.equal(counts.at(-1)?.last, 'presented')
  })
})
