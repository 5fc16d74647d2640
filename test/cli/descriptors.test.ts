import assert from 'node:assert/strict'
import { once } from 'node:events'
import { appendFile, readFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { deviceFiles } from '../../src/ca/layout.ts'
import { PROGRAM, run, startAny } from './program.ts'
import { createSite } from './site.ts'

test('a flood of connections leaves file descriptors for the disk, so that a device can still be revoked', async () => {
  await using site = await createSite()
  const limited = ['-c', 'ulimit -n 200; exec "$0" "$@"', process.execPath, PROGRAM]
  await using gateway = startAny('sh', [...limited, ...site.serveBut({})])
  await gateway.line(/limit on file descriptors .*is too low/)
  const listening = await gateway.line(/"door":"device".*"listening"/)
  const port = Number(/:(\d+)"/.exec(listening)?.[1])
  const { ca, certificate, key } = deviceFiles(site.layout, 'sensor')
  const device = connect({
    host: '127.0.0.1',
    port,
    servername: 'localhost',
    ca: await readFile(ca),
    cert: await readFile(certificate),
    key: await readFile(key),
  }).on('error', () => {})
  await once(device, 'secureConnect')
  // not events.once, which rejects after a reset
  const ended = new Promise((resolve) => device.once('close', resolve))

  const flood = Array.from({ length: 300 }, () =>
    connectTcp(port, '127.0.0.1').on('error', () => {}),
  )
  await gateway.line(/the maximum number of connections is reached/)
  await appendFile(site.layout.acl, '\n# changed\n')
  await gateway.line(/access control file loaded/)
  const { code, stderr } = await run(['device', 'revoke', 'sensor', '--dir', `${site.path}/.wott`])
  assert.equal(code, 0, stderr)
  await ended
  for (const socket of flood) socket.destroy()
  assert.ok(!gateway.lines.some((line) => line.includes('EMFILE')))
})
