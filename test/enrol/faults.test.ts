import assert from 'node:assert/strict'
import { watch } from 'node:fs'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { layoutOf } from '../../src/ca/layout.ts'
import { inviteDevice } from '../../src/enrol/operator.ts'
import { initialisedDirectory } from '../ca/temporary.ts'
import { PROGRAM, start, startAny, temporaryFolder } from '../cli/program.ts'
import { ENROL, PEM, RENEW, runProgram, startEnrolSite } from './site.ts'

describe('a damaged file', () => {
  it('of invites or of the ledger stops all certificates until it is restored', async () => {
    await using site = await startEnrolSite()
    const device = await site.enrolled('device')
    const token = await site.invite('kitchen')
    const { csr } = await site.request(null)
    const asked = [
      () => site.ask(ENROL, { basic: `kitchen:${token}`, body: csr, headers: PEM }),
      () => site.ask(RENEW, { as: device, body: csr, headers: PEM }),
    ]
    for (const file of [join(site.path, 'enrol', 'book.json'), site.layout.authority.ledger]) {
      const good = await readFile(file, 'utf8')
      await appendFile(file, 'damage\n')
      const damaged = await readFile(file, 'utf8')
      for (const ask of asked) {
        const { status, headers } = await ask()
        assert.deepEqual([status, headers['content-type']], [500, 'text/plain; charset=utf-8'])
      }
      assert.equal(await readFile(file, 'utf8'), damaged)
      await writeFile(file, good)
    }
    const line = await site.logged(({ level }) => level === 'error')
    assert.match(JSON.stringify(line), /book\.json cannot be used/)
    const [first] = asked
    assert.equal((await first?.())?.status, 200)
  })
})

/** Runs an enrol door and `commands` on a small disk, and returns the output of the commands. */
async function onSmallDisk(commands: string): Promise<string> {
  await using folder = await temporaryFolder()
  await using directory = await initialisedDirectory()
  const { token } = await inviteDevice(directory.path, 'kitchen', 3_600_000)
  const script = `set -eu
    mount -t tmpfs -o size=256k tmpfs "${folder.path}"; cd "${folder.path}"
    cp -r "${directory.path}" .wott
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=x -keyout key -out csr 2>/dev/null
    TOKEN=${token}
    mkfifo lines
    exec 8<>lines
    "${process.execPath}" "${PROGRAM}" enrol .wott --enrol-listen 127.0.0.1:0 --enrol-ops-listen off >&8 &
    trap "kill $!; wait" EXIT
    until read -r LINE <&8; [[ $LINE == *listening* ]]; do :; done
    PORT=$(sed 's/.*"address":"127.0.0.1:\\([0-9]*\\)".*/\\1/' <<< "$LINE")
    enrol() {
      curl -sS -o /dev/null -w '%{http_code}\\n' --cacert .wott/ca/ca.crt -u kitchen:$TOKEN \\
        --data-binary @csr https://localhost:$PORT${ENROL} || true
      grep -c '"issued".*kitchen' .wott/ca/issued.ndjson || true
    }
    ${commands}`
  const namespace = ['--map-root-user', '--mount', 'bash', '-c', `{ ${script}\n} 2>&1`]
  const { stdout } = await startAny('unshare', namespace).ended
  return String(stdout)
}

describe('the disk of an enrol door', () => {
  // with a little room the file of invites still fits, but the ledger does not
  for (const spare of [0, 4, 8])
    it(`issues nothing that is not in the ledger with ${spare} KiB left, and works again once there is room`, async () => {
      const said = await onSmallDisk(`cat /dev/zero > zeros 2>/dev/null || true
        truncate -s -${spare}K zeros
        enrol
        rm zeros
        enrol`)
      assert.match(said, spare === 0 ? /^500\n0\n200\n1\n$/ : /^(500\n0\n200\n1|200\n1\n200\n2)\n$/)
    })

  it('issues nothing while it is read-only, and works again afterwards', async () => {
    const said = await onSmallDisk(`mount -o remount,ro "$PWD"
      curl -sS -o /dev/null -w '%{http_code}\\n' --cacert .wott/ca/ca.crt -u kitchen:$TOKEN \\
        --data-binary @csr https://localhost:$PORT${ENROL}
      mount -o remount,rw "$PWD"
      enrol`)
    assert.equal(said, '500\n200\n1\n')
  })
})

describe('kill -9 after a certificate is issued, perhaps before the answer', () => {
  it('leaves the invite usable for the same key', async () => {
    await using directory = await initialisedDirectory()
    const cwd = directory.path
    const { ledger, certificate } = layoutOf(cwd).authority
    const { token } = await inviteDevice(cwd, 'kitchen', 3_600_000)
    const made = await runProgram(
      'openssl',
      [
        'req',
        '-new',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        '/O=x',
        '-keyout',
        'key',
        '-out',
        'csr',
      ],
      cwd,
    )
    assert.equal(made.code, 0)
    const enrol = async (port: string) =>
      runProgram(
        'curl',
        [
          ...['-sS', '-w', '%{http_code}', '-o', 'answer', '--cacert', certificate],
          ...[
            '-u',
            `kitchen:${token}`,
            '--data-binary',
            '@csr',
            `https://localhost:${port}${ENROL}`,
          ],
        ],
        cwd,
      )
    const door = ['enrol', cwd, '--enrol-listen', '127.0.0.1:0', '--enrol-ops-listen', 'off']
    for (const isKilled of [true, true, false]) {
      await using program = start(door)
      const [, port = ''] = /127\.0\.0\.1:(\d+)/.exec(await program.line(/listening/)) ?? []
      if (isKilled) {
        const watcher = watch(ledger)
        watcher.once('change', () => program.process.kill('SIGKILL'))
        await Promise.all([enrol(port), program.ended])
        watcher.close()
      } else assert.equal((await enrol(port)).output, '200')
    }
    const lines = (await readFile(ledger, 'utf8'))
      .split('\n')
      .filter((line) => line.includes('"kitchen.d'))
    assert.match(lines.at(-1) ?? '', /"issued"/)
  })
})
