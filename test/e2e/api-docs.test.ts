import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { promisify } from 'node:util'
import { temporaryFolder } from '../cli/program.ts'
import { blocksOf, blockWith } from '../support/docs.ts'
import { startGateway } from '../support/gateway.ts'

const execute = promisify(execFile)

it('the curl commands of docs/api.md publish one message and many', async () => {
  await using folder = await temporaryFolder()
  const cwd = folder.path
  await using at = await startGateway({
    acl: 'pattern readwrite #\n',
    settings: { readingPast: '315360000' },
  })
  const device = await at.pki.issue('device')
  await copyFile(device.caFile, join(cwd, 'ca.crt'))
  await copyFile(device.certFile, join(cwd, 'client.crt'))
  await copyFile(device.keyFile, join(cwd, 'client.key'))
  const [lines = ''] = await blocksOf('api.md', 'ndjson')
  await writeFile(join(cwd, 'readings.ndjson'), lines)
  const answer = async (command: string, ...args: string[]) => {
    const script = command.trim().replace('localhost:8443', `localhost:${at.ports.device}`)
    const { stdout } = await execute('sh', ['-ec', [script, '-sS', ...args].join(' ')], { cwd })
    return stdout
  }

  const many = await blockWith('api.md', 'sh', '--data-binary')
  assert.deepEqual(JSON.parse(await answer(many)), { accepted: 4, refused: [] })
  const joined = await answer(many.replace('--data-binary', '-d'))
  assert.match(JSON.parse(joined).detail, /--data-binary/)

  const again = await blockWith('api.md', 'sh', 'Idempotency-Key')
  assert.equal(JSON.parse(await answer(again)).message, 'OK')
  assert.match(await answer(again, '-i'), /^idempotency-replayed: true/im)
})
