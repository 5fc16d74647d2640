import assert from 'node:assert/strict'
import { appendFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { initDirectory } from '../../src/ca/init.ts'
import { layoutOf } from '../../src/ca/layout.ts'
import { FREE_PORTS, PROGRAM, run, startAny, temporaryFolder } from './program.ts'

/** The output of `commands` in a folder after init on a disk with `spare` KiB left. */
async function onFullDisk(spare: number, commands: string): Promise<string[]> {
  await using folder = await temporaryFolder()
  const script = `
    wott-gateway() { "${process.execPath}" "${PROGRAM}" "$@"; echo "$?"; }
    mount -t tmpfs -o size=128k tmpfs "${folder.path}" && cd "${folder.path}"
    wott-gateway init > init.log
    cat /dev/zero > zeros 2> /dev/null
    truncate -s -${spare}K zeros
    ${commands}`
  const namespace = ['--map-root-user', '--mount', 'bash', '-c', `{ ${script}\n} 2>&1`]
  const { stdout } = await startAny('unshare', namespace).ended
  return String(stdout).trim().split('\n')
}

/** Runs `wott-gateway ARGS` with a limit of `blocks` KiB per file, which any user can set. */
function limited(blocks: number, args: string, cwd: string) {
  const script = `ulimit -f ${blocks}; exec "${process.execPath}" "${PROGRAM}" ${args}`
  return startAny('bash', ['-c', script], { cwd }).ended
}

const SERVE = `serve --certs-dir .wott/certs --acl-file .wott/permission.acl ${FREE_PORTS.join(' ')}`
const NO_SPACE = /^wott-gateway: the disk of .* is full /

describe('a full disk', () => {
  it('is reported by device, viewer and serve, exit code 2, and damages nothing', async () => {
    const said = await onFullDisk(
      0,
      `wott-gateway device add kitchen
      wott-gateway viewer invite alice --file viewers.json
      wott-gateway ${SERVE} --broker file:.wott
      truncate -s -8K zeros
      wott-gateway device add kitchen
      wott-gateway device list
      rm zeros
      wott-gateway device add kitchen`,
    )
    const [add, , invite, , broker, , later, code, ...rest] = said
    for (const line of [add, invite, broker, later]) assert.match(line ?? '', NO_SPACE)
    assert.match(add ?? '', /disk of \.wott /)
    assert.match(broker ?? '', /disk of \S+\/\.wott\/broker\.sqlite /)
    assert.deepEqual([said[1], said[3], said[5], code], ['2', '2', '2', '2'])
    assert.match(rest.slice(0, 2).join('\n'), /^sensor\..*\nsubscriber\./)
    assert.deepEqual(rest.slice(2, 4), ['0', 'kitchen.d.wott.local\t.wott/devices/kitchen'])
    assert.equal(rest.at(-1), '0')
  })

  it('is reported by serve if it is read-only, exit code 2', async () => {
    const said = await onFullDisk(
      64,
      `mount -o remount,ro "$PWD"
      wott-gateway ${SERVE} --broker file:second`,
    )
    const code = said.pop()
    assert.match(said.at(-1) ?? '', /^wott-gateway: \S+second cannot hold a store: EROFS/)
    assert.equal(code, '2')
  })

  it('leaves a whole line in the ledger, or issues no certificate', async () => {
    await using folder = await temporaryFolder()
    const layout = layoutOf(join(folder.path, '.wott'))
    await initDirectory(layout.directory)
    const { ledger } = layout.authority
    const [line = ''] = (await readFile(ledger, 'utf8')).split('\n')
    const room = 4096 - 50 - (await stat(ledger)).size
    await appendFile(ledger, `${line.padEnd(room - 1)}\n`)
    const { code, stderr } = await limited(4, 'device add kitchen', folder.path)
    assert.match(stderr, /^wott-gateway: the disk of \.wott is full /)
    assert.equal(code, 2)
    assert.ok(!(await readdir(layout.devices)).includes('kitchen'))
    assert.equal((await run(['device', 'add', 'kitchen'], { cwd: folder.path })).code, 0)
  })

  it('is not reported as damage if only the lock cannot be written', async () => {
    await using folder = await temporaryFolder()
    await initDirectory(join(folder.path, '.wott'))
    const { code, stderr } = await limited(0, 'device add kitchen', folder.path)
    assert.match(stderr, /^wott-gateway: \.wott\/\.lock cannot be locked: .*\n$/)
    assert.equal(code, 2)
    const serve = await limited(0, `${SERVE} --broker file:data`, folder.path)
    assert.match(serve.stderr, /^wott-gateway: \S+\/data\/broker\.sqlite cannot be opened: .*\n$/)
    assert.equal(serve.code, 2)
  })
})

describe('a damaged file', () => {
  const leftovers = { 'cut off': '-----BEGIN CERT', empty: '' }
  for (const [what, text] of Object.entries(leftovers))
    it(`that is an unfinished certificate, ${what}, is removed`, async () => {
      await using folder = await temporaryFolder()
      const layout = layoutOf(join(folder.path, '.wott'))
      await initDirectory(layout.directory)
      const unfinished = join(layout.devices, '.new-kitchen')
      await mkdir(unfinished)
      await writeFile(join(unfinished, 'client.crt'), text)
      const { code, stderr } = await run(['device', 'add', 'kitchen'], { cwd: folder.path })
      assert.equal(code, 0, stderr)
      assert.deepEqual((await readdir(layout.devices)).sort(), ['kitchen', 'sensor', 'subscriber'])
    })

  it('is reported with a remedy', async () => {
    await using folder = await temporaryFolder()
    const layout = layoutOf(join(folder.path, '.wott'))
    await initDirectory(layout.directory)
    const ledger = await readFile(layout.authority.ledger)
    await appendFile(layout.authority.ledger, 'spoilt\n')
    const listed = await run(['device', 'list'], { cwd: folder.path })
    assert.match(
      listed.stderr,
      /^wott-gateway: \.wott\/ca\/issued\.ndjson: line 4 .*; correct it, or /,
    )
    await writeFile(layout.authority.ledger, ledger)
    await writeFile(layout.certs.certificate, '')
    const ran = await run(['dev', ...FREE_PORTS], { cwd: folder.path })
    assert.match(
      ran.stderr,
      /^wott-gateway: \.wott\/certs\/client\.crt: this file contains no PEM certificate/,
    )
    assert.deepEqual([listed.code, ran.code], [2, 2])
  })
})
