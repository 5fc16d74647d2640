import assert from 'node:assert/strict'
import { cp, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { addDevice, renewDevice, revokeDevice } from '../../src/ca/devices.ts'
import { finishRotation, startRotation } from '../../src/ca/rotation.ts'
import { initialisedDirectory } from '../ca/temporary.ts'
import { http1, mosquittoPub } from '../support/clients.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const ACL = 'pattern write devices/%u\n'

/** The files of a device as they are now; later changes of them do not reach it. */
async function deviceIn(directory: string, as: string): Promise<Credentials> {
  const copy = join(dirname(dirname(directory)), as)
  await cp(directory, copy, { recursive: true })
  const [caFile, certFile, keyFile] = ['ca.crt', 'client.crt', 'client.key'].map((name) =>
    join(copy, name),
  ) as [string, string, string]
  const [ca, certificate, key] = await Promise.all(
    [caFile, certFile, keyFile].map((file) => readFile(file, 'utf8')),
  )
  return { directory: copy, caFile, certFile, keyFile, ca, certificate, key } as Credentials
}

/** The result of a reading over HTTPS on a new connection: 204, or the error. */
async function overHttps(at: TestGateway, id: string, who: Credentials): Promise<unknown> {
  const { ca } = who
  const path = `/topics/devices/${id}`
  try {
    const { status, json } = await http1(at, who, { method: 'POST', path, body: '1', ca })
    return status < 300 ? 'taken' : json.code
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

/** The same over MQTT. */
async function overMqtt(at: TestGateway, id: string, who: Credentials): Promise<unknown> {
  const { code, stderr } = await mosquittoPub(at, who, `devices/${id}`, '1', '-q', '1')
  return code === 0 ? 'taken' : stderr
}

function both(at: TestGateway, id: string, who: Credentials): Promise<unknown[]> {
  return Promise.all([overHttps(at, id, who), overMqtt(at, id, who)])
}

/** Starts a device that publishes on one new connection after another. */
function publishing(at: TestGateway, id: string, who: Credentials) {
  const outcomes: unknown[] = []
  let isOver = false
  const done = (async () => {
    while (!isOver) outcomes.push(...(await both(at, id, who)))
  })()
  return {
    /** Stops it, and resolves with the refused readings. */
    async failures(): Promise<unknown[]> {
      isOver = true
      await done
      assert.ok(outcomes.length > 0)
      return outcomes.filter((outcome) => outcome !== 'taken')
    },
    [Symbol.dispose]() {
      isOver = true
    },
  }
}

describe('a device CA that is replaced while devices publish', () => {
  const SENSOR = 'sensor.d.wott.local'
  const SUBSCRIBER = 'subscriber.d.wott.local'
  const KITCHEN = 'kitchen.d.wott.local'
  const TAKEN = ['taken', 'taken']
  let directory: Awaited<ReturnType<typeof initialisedDirectory>>
  let at: TestGateway
  before(async () => {
    directory = await initialisedDirectory()
    const { layout } = directory
    const settings = { certsDir: layout.certs.directory, crlFile: layout.authority.crl }
    at = await startGateway({ acl: ACL, settings })
  })
  after(async () => {
    await at[Symbol.asyncDispose]()
    await directory[Symbol.asyncDispose]()
  })

  it('accepts devices of both CAs on every door, and disconnects none until the end', async () => {
    const { path, layout } = directory
    const folder = (name: string) => join(layout.devices, name)
    const old = await deviceIn(folder('sensor'), 'old')
    using traffic = publishing(at, SENSOR, old)

    await startRotation(path)
    // without a pause, as a gateway that watches its files already knows the CA
    await renewDevice(path, 'sensor')
    const moved = await deviceIn(folder('sensor'), 'moved')
    await addDevice(path, 'kitchen')
    const young = await deviceIn(folder('kitchen'), 'young')
    assert.deepEqual(await both(at, SENSOR, old), TAKEN)
    assert.deepEqual(await both(at, SENSOR, moved), TAKEN)
    assert.deepEqual(await both(at, KITCHEN, young), TAKEN)

    const retired = await deviceIn(folder('subscriber'), 'retired')
    assert.deepEqual(await both(at, SUBSCRIBER, retired), TAKEN)
    await addDevice(path, 'cellar')
    const stolen = await deviceIn(folder('cellar'), 'stolen')
    await revokeDevice(path, 'subscriber')
    await revokeDevice(path, 'cellar')
    await at.gateway.reload()
    assert.equal(await overHttps(at, SUBSCRIBER, retired), 'certificate_revoked')
    assert.equal(await overHttps(at, 'cellar.d.wott.local', stolen), 'certificate_revoked')
    for (const [id, who] of [
      [SUBSCRIBER, retired],
      ['cellar.d.wott.local', stolen],
    ] as const)
      assert.notEqual(await overMqtt(at, id, who), 'taken')
    assert.deepEqual(await both(at, SENSOR, old), TAKEN)

    assert.deepEqual(await traffic.failures(), [])

    // devices that have moved can verify the gateway's new certificate
    using later = publishing(at, SENSOR, moved)
    await finishRotation(path)
    await at.gateway.reload()
    assert.deepEqual(await both(at, KITCHEN, young), TAKEN)
    assert.deepEqual(await later.failures(), [])
    // a device of the old CA can no longer verify the gateway, which would refuse it too
    assert.notDeepEqual(await both(at, SENSOR, old), TAKEN)
    const trusting = { ...old, ca: moved.ca, caFile: moved.caFile }
    assert.equal(await overHttps(at, SENSOR, trusting), 'certificate_untrusted')
    assert.notEqual(await overMqtt(at, SENSOR, trusting), 'taken')
  })
})
