import assert from 'node:assert/strict'
import { chmod, chown, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { Service } from 'kubernetes-models/v1/Service'
import { parse } from 'yaml'
import { layoutOf } from '../../src/ca/layout.ts'
import { loadConfig } from '../../src/config/load.ts'
import { inviteDevice } from '../../src/enrol/operator.ts'
import { FREE_PORTS, run, start, startAny, startGateway, temporaryFolder } from '../cli/program.ts'
import { createDevice } from '../device/device.ts'
import { ROOT, readDockerfile } from './dockerfile.ts'

/** Two user ids that are not in use. */
const [ENROLLER, GATEWAY] = [61_001, 61_002]

test('the process that enrols devices is the only one that can read the key of the CA', async () => {
  await using folder = await temporaryFolder()
  await chmod(folder.path, 0o711)
  const unit = await readFile(join(ROOT, 'deploy/systemd/wott-gateway-enrol.service'), 'utf8')
  const [, mode = ''] = /^StateDirectoryMode=(\d+)$/m.exec(unit) ?? []
  const directory = join(folder.path, 'enrol')
  const layout = layoutOf(directory)
  await mkdir(directory)
  await chown(directory, ENROLLER, ENROLLER)
  await chmod(directory, Number.parseInt(mode, 8))

  // as docs/deploying.md has it
  assert.equal((await run(['init', directory], { uid: ENROLLER })).code, 0)
  await chmod(layout.authority.directory, 0o711)
  const certs = join(folder.path, 'certs')
  await mkdir(certs)
  for (const [from, to] of [
    [layout.certs.certificate, 'client.crt'],
    [layout.certs.key, 'client.key'],
  ] as const) {
    await copyFile(from, join(certs, to))
    await chown(join(certs, to), GATEWAY, GATEWAY)
  }
  const acl = join(folder.path, 'permission.acl')
  await writeFile(acl, 'user kitchen.d.wott.local\ntopic write kitchen/#\n')

  const free = '127.0.0.1:0'
  const enrolArgs = ['enrol', directory, '--enrol-listen', free, '--enrol-ops-listen', free]
  await using enroller = start(enrolArgs, { uid: ENROLLER })
  const [, port] = /:(\d+)"/.exec(await enroller.line(/"door":"enrol".*"listening"/)) ?? []
  const files = ['--ca-file', layout.authority.certificate, '--crl-file', layout.authority.crl]
  const own = ['--cert-file', join(certs, 'client.crt'), '--key-file', join(certs, 'client.key')]
  const serve = ['serve', ...files, ...own, '--acl-file', acl, '--broker', 'memory:']
  await using gateway = await startGateway([...serve, ...FREE_PORTS], {
    uid: GATEWAY,
    cwd: certs,
  })
  for (const path of [layout.authority.key, layout.certs.key, layout.authority.ledger]) {
    const { code } = await startAny('cat', [path], { uid: GATEWAY }).ended
    assert.equal(code, 1, path)
  }

  const { token } = await inviteDevice(directory, 'kitchen', 3_600_000)
  await using device = await createDevice('dash')
  const { stdout } = await startAny('openssl', [
    ...['x509', '-in', layout.authority.certificate, '-noout', '-fingerprint', '-sha256'],
  ]).ended
  const fingerprint = String(stdout).trim().replace(/^.*=/, '')
  const line = [`https://localhost:${port}`, 'kitchen', token, fingerprint]
  const door = ['--device-url', `https://localhost:${gateway.ports.device}`]
  const enrolled = await device.wottDevice('enrol', ...line, ...door)
  assert.equal(enrolled.code, 0, enrolled.stderr)
  const posted = await device.wottDevice('post', 'kitchen/temperature', '21.5')
  assert.equal(posted.code, 0, posted.stderr)
})

test('the Kubernetes manifests of the enrol door are valid, and fit each other and the image', async () => {
  const folder = join(ROOT, 'deploy/kubernetes/enrol')
  const read = async (name: string) =>
    parse(await readFile(join(folder, name), 'utf8'), { merge: true })
  const { resources } = await read('kustomization.yaml')
  const models = { StatefulSet, NetworkPolicy, Service }
  const manifests = await Promise.all(resources.map(read))
  assert.deepEqual(manifests.map(({ kind }) => kind).sort(), Object.keys(models).sort())
  for (const manifest of manifests)
    new models[manifest.kind as keyof typeof models](manifest).validate()

  const pod = manifests.find(({ kind }) => kind === 'StatefulSet').spec.template
  for (const { kind, spec } of manifests) {
    const selector = spec.podSelector ?? spec.selector
    assert.deepEqual(selector.matchLabels ?? selector, pod.metadata.labels, kind)
  }
  const { user, environment } = await readDockerfile()
  const { runAsUser, runAsGroup } = pod.spec.securityContext
  assert.equal(`${runAsUser}:${runAsGroup}`, user)
  const [{ ports, args, env }] = pod.spec.containers
  const own = env.map(({ name, value }: { name: string; value: string }) => [name, value])
  const settings = { ...environment, ...Object.fromEntries(own), WOTT_ACL_FILE: 'acl' }
  const config = loadConfig(settings, {})
  assert.deepEqual(ports, [
    { name: 'enrol', containerPort: config.doors.enrol?.port },
    { name: 'enrol-ops', containerPort: config.doors['enrol-ops']?.port },
  ])
  assert.equal(args[1], pod.spec.initContainers[0].args[1])
  assert.ok(pod.spec.terminationGracePeriodSeconds > config.process.drainMs / 1000)
})

test('the compose file has the enrol door, on the directory of the gateway', async () => {
  const text = await readFile(join(ROOT, 'docker-compose.yml'), 'utf8')
  const { enrol, gateway } = parse(text, { merge: true }).services
  assert.deepEqual(enrol.command, ['enrol', '/site'])
  assert.deepEqual(enrol.volumes, ['site:/site'])
  assert.deepEqual(enrol.ports, ['8444:8444', '127.0.0.1:9465:9465'])
  const config = loadConfig({ ...enrol.environment, WOTT_ACL_FILE: 'acl' }, {})
  assert.deepEqual([config.doors.enrol?.port, config.doors['enrol-ops']?.port], [8444, 9465])
  assert.equal(enrol.image, gateway.image)
})
