import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor'
import { PrometheusRule } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PrometheusRule'
import { StatefulSet } from 'kubernetes-models/apps/v1/StatefulSet'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { Namespace } from 'kubernetes-models/v1/Namespace'
import { Service } from 'kubernetes-models/v1/Service'
import { parse } from 'yaml'
import { parseAcl } from '../../src/acl/parse.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ROOT, readDockerfile } from './dockerfile.ts'

const MODELS = { PodMonitor, PrometheusRule, StatefulSet, NetworkPolicy, Namespace, Service }
const BASE = join(ROOT, 'deploy/kubernetes/base')
const OPERATOR = join(ROOT, 'deploy/kubernetes/prometheus-operator')

const read = async (...path: string[]) => parse(await readFile(join(...path), 'utf8'))
const base = await read(BASE, 'kustomization.yaml')
const operator = await read(OPERATOR, 'kustomization.yaml')
const manifests = await Promise.all([
  ...base.resources.map((name: string) => read(BASE, name)),
  ...operator.resources
    .filter((name: string) => name !== '../base')
    .map((name: string) => read(OPERATOR, name)),
])
const pod = manifests.find(({ kind }) => kind === 'StatefulSet').spec.template
const [container] = pod.spec.containers

test('every manifest in the kustomization is valid', () => {
  assert.deepEqual(manifests.map(({ kind }) => kind).sort(), Object.keys(MODELS).sort())
  for (const manifest of manifests) {
    const Model = MODELS[manifest.kind as keyof typeof MODELS]
    new Model(manifest).validate()
    assert.throws(() => new Model({ ...manifest, metadata: 'none' }).validate())
  }
})

test('selectors match the pods, and port names their ports', () => {
  const ports = container.ports.map(({ name }: { name: string }) => name)
  for (const { kind, spec } of manifests) {
    if (kind === 'Namespace' || kind === 'PrometheusRule') continue
    const selector = spec.podSelector ?? spec.selector
    assert.deepEqual(selector.matchLabels ?? selector, pod.metadata.labels, kind)
  }
  const named = JSON.stringify(manifests).matchAll(/"(?:targetPort|port)":"([^"]+)"/g)
  for (const [, port = ''] of named) if (!/^\d+$/.test(port)) assert.ok(ports.includes(port), port)
})

test('no manifest has an empty list, which the API server drops, so that tools always see a difference', () => {
  for (const manifest of manifests) assert.doesNotMatch(JSON.stringify(manifest), /\[\]/)
  const policy = manifests.find(({ kind }) => kind === 'NetworkPolicy').spec
  assert.deepEqual(policy.policyTypes, ['Ingress', 'Egress'])
  assert.equal(policy.egress, undefined, 'a rule would let the pod out')
})

test('the PodMonitor has the job name of the alerts and dashboards', async () => {
  const { spec } = manifests.find(({ kind }) => kind === 'PodMonitor')
  const { scrape_configs } = await read(ROOT, 'deploy/prometheus/prometheus.yml')
  assert.equal(pod.metadata.labels[spec.jobLabel], scrape_configs[0].job_name)
})

test('the PrometheusRule has the tested alerts', async () => {
  const { spec } = manifests.find(({ kind }) => kind === 'PrometheusRule')
  assert.deepEqual(spec, await read(ROOT, 'deploy/prometheus/wott-gateway.rules.yml'))
})

test('the pod runs as the user of the image, with valid settings and the ports of the doors', async () => {
  const { environment, user } = await readDockerfile()
  const { runAsUser, runAsGroup } = pod.spec.securityContext
  assert.equal(`${runAsUser}:${runAsGroup}`, user)
  const own = container.env.map((variable: { name: string; value: string }) => [
    variable.name,
    variable.value,
  ])
  const config = loadConfig({ ...environment, ...Object.fromEntries(own) }, {})
  const listening = [
    config.doors.device,
    config.doors.mqtt,
    config.doors.viewer,
    config.doors.ops,
  ].map((address) => address?.port)
  assert.deepEqual(
    container.ports.map(({ containerPort }: { containerPort: number }) => containerPort),
    listening,
  )
  assert.ok(pod.spec.terminationGracePeriodSeconds > config.process.drainMs / 1000)
  const mounted = container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)
  const { caFile, certFile, keyFile } = config.trust
  for (const file of [caFile, certFile, keyFile, config.access.aclFile])
    assert.ok(
      mounted.some((path: string) => file?.startsWith(`${path}/`)),
      file,
    )
})

test('the example ACL file loads, under the name that the pod mounts', async () => {
  const [{ name, files }] = base.configMapGenerator
  const volume = pod.spec.volumes.find((one: { name: string }) => one.name === 'access')
  assert.equal(volume.configMap.name, name)
  assert.equal(base.generatorOptions.disableNameSuffixHash, true)
  for (const file of files) assert.ok(parseAcl(await readFile(join(BASE, file))).ok)
})
