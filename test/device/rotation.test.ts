import assert from 'node:assert/strict'
import { readFile, rm } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { finishRotation, startRotation } from '../../src/ca/rotation.ts'
import { startEnrolSite } from '../enrol/site.ts'
import { createDevice } from './device.ts'
import { lineFor, startService } from './site.ts'

describe('wott-device during a CA rotation', () => {
  it('renews, learns both CAs, and posts before and after the old one is removed', async () => {
    await using site = await startEnrolSite()
    await using gateway = await startService(site)
    await using device = await createDevice('dash')
    const door = ['--device-url', `https://localhost:${gateway.ports.device}`]
    const succeeds = async (...args: string[]) => {
      const { code, stderr } = await device.wottDevice(...args)
      assert.deepEqual([code, stderr], [0, ''], args.join(' '))
    }
    const post = () => succeeds('post', 'kitchen/temperature', '21.5')
    const knownCas = async () => {
      const text = await readFile(device.files.ca, 'utf8')
      return text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
    }
    await succeeds('enrol', ...(await lineFor(site, 'kitchen')), ...door)
    const [old] = await knownCas()

    await startRotation(site.path)
    await gateway.gateway.reload()
    await post()
    await succeeds('renew', '--force')
    await post()
    const [first, fresh, ...more] = await knownCas()
    assert.deepEqual([first, more], [old, []])

    // the sample devices of "init" have no new certificates
    await finishRotation(site.path, { force: true })
    // several files have changed, and a load between two of them still has the old CA
    await Promise.all([gateway.gateway.reload(), site.reload()])
    await post()
    // as if a day had passed
    await rm(`${device.files.directory}/.wott-device/refreshed`)
    await succeeds('renew')
    assert.deepEqual(await knownCas(), [fresh])
    await post()
  })
})
