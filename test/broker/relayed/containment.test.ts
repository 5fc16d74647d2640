import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IPublishPacket } from 'mqtt-packet'
import { type Answer, http1 } from '../../support/clients.ts'
import { startNats } from '../../support/nats.ts'
import type { Credentials } from '../../support/pki.ts'
import { type RelayedGateway, startRelayed } from '../../support/relayed.ts'
import { startTcpProxy } from '../../support/tcp-proxy.ts'
import { type Peer, puback, startScriptedBroker } from '../../uplink/scripted-broker.ts'

/** How often the broker ends the shared connection because of one device until that device is known. */
const TOLD_APART = 2

function post(
  { at }: RelayedGateway,
  who: Credentials,
  topic: string,
  qos: 0 | 1 = 1,
): Promise<Answer> {
  return http1(at, who, { path: `/topics/${topic}?qos=${qos}`, method: 'POST', body: '1' })
}

/** Posts again as soon as an answer is there, until `enough`; returns the answers. */
async function keepPosting(
  relayed: RelayedGateway,
  who: Credentials,
  topic: string,
  enough: () => boolean,
  qos: 0 | 1 = 1,
): Promise<Answer[]> {
  const answers: Answer[] = []
  while (!enough()) answers.push(await post(relayed, who, topic, qos))
  return answers
}

/** A broker that closes the connection on topics that begin with "bad". */
function poisonable(qos1: (packet: IPublishPacket, peer: Peer) => void = () => {}) {
  const ended: string[] = []
  return {
    ended,
    onPublish(packet: IPublishPacket, peer: Peer) {
      if (packet.topic.startsWith('bad')) {
        ended.push(peer.connect.clientId ?? '')
        peer.socket.destroy()
      } else if (packet.qos === 1) {
        qos1(packet, peer)
        peer.send(puback(packet))
      }
    },
  }
}

function connections(relayed: RelayedGateway): Promise<number | undefined> {
  return relayed.at.metric('wott_uplink_connections_total{result="connected"}')
}

describe('a device whose messages make the broker close the connection', () => {
  for (const qos of [0, 1] as const)
    it(`interrupts the others twice at most, with QoS ${qos}`, async () => {
      const { ended, onPublish } = poisonable()
      await using broker = await startScriptedBroker({ onPublish })
      await using relayed = await startRelayed(broker.port, { brokerSubscribe: 'off' })
      const honest = await relayed.at.pki.issue('honest.d.wott.local')
      const apart = () => ended.filter((clientId) => clientId.endsWith('-apart')).length
      const enough = () => apart() >= 2
      const [bad, good] = await Promise.all([
        keepPosting(relayed, relayed.device, 'bad', enough, qos),
        keepPosting(relayed, honest, 'good', enough),
      ])
      assert.equal(ended.length - apart(), TOLD_APART)
      await relayed.connected(TOLD_APART + 1)
      assert.equal(await connections(relayed), TOLD_APART + 1)
      assert.ok(bad.every(({ status }) => status === 503 || (qos === 0 && status === 200)))
      // until it is known, messages of the others are lost with its connection
      const refused = good.filter(({ status }) => status !== 200)
      assert.ok(refused.every(({ status }) => status === 503))
      assert.ok(good.length - refused.length > 0)
      assert.equal((await post(relayed, honest, 'good')).status, 200)
      const known = await relayed.at.logged(
        ({ msg, device }) =>
          device === 'a.d.wott.local' && /separate connection$/.test(String(msg)),
      )
      assert.deepEqual([known.topic, known.times], ['bad', 2])
      assert.ok(((await relayed.at.metric('wott_uplink_suspected_total')) ?? 0) >= 2)
      assert.equal(await relayed.at.metric('wott_uplink_suspects'), 1)
    })

  it('is told how long to wait, and may publish something else after that', async () => {
    const { ended, onPublish } = poisonable()
    await using broker = await startScriptedBroker({ onPublish })
    await using relayed = await startRelayed(broker.port, { brokerSubscribe: 'off' })
    const answers = await keepPosting(relayed, relayed.device, 'bad', () => ended.length >= 2)
    assert.ok(answers.length >= 2)
    await relayed.connected(TOLD_APART + 1)
    const { json, headers, status } = await post(relayed, relayed.device, 'good')
    assert.deepEqual([status, json.code], [503, 'broker_unavailable'])
    assert.match(
      json.detail,
      /closed the connection because of an earlier message of this device\.$/,
    )
    assert.equal(headers['retry-after'], '1')
    assert.equal(await relayed.at.metric('wott_uplink_refusals_total{reason="suspect"}'), 1)
  })

  it('is separated from others whose messages were in flight at the same time', async () => {
    const held: (() => void)[] = []
    let hold = true
    let under = Promise.withResolvers<void>()
    await using broker = await startScriptedBroker({
      onPublish(packet, peer) {
        if (packet.topic === 'bad') peer.socket.destroy()
        else if (hold) {
          held.push(() => peer.send(puback(packet)))
          under.resolve()
        } else if (packet.qos === 1) peer.send(puback(packet))
      },
    })
    await using relayed = await startRelayed(broker.port, { brokerSubscribe: 'off' })
    const honest = await relayed.at.pki.issue('honest.d.wott.local')
    for (const times of [2, 3]) {
      const waits = post(relayed, honest, 'good')
      await under.promise
      under = Promise.withResolvers()
      const [good, bad] = await Promise.all([waits, post(relayed, relayed.device, 'bad')])
      assert.deepEqual([good.status, bad.status], [503, 503])
      await relayed.connected(times)
    }
    assert.equal(await relayed.at.metric('wott_uplink_suspects'), 2)
    hold = false
    // its own topic is acknowledged, so it uses the shared connection again
    assert.equal((await post(relayed, honest, 'good')).status, 200)
    assert.equal(await relayed.at.metric('wott_uplink_suspects'), 1)
    assert.equal(broker.connects.filter(({ clientId }) => clientId?.endsWith('-apart')).length, 1)
  })
})

it('no device is a suspect where the broker was away', async () => {
  let came = Promise.withResolvers<void>()
  await using broker = await startScriptedBroker({ onPublish: () => came.resolve() })
  await using proxy = await startTcpProxy(broker.port)
  await using relayed = await startRelayed(proxy.port, { brokerSubscribe: 'off' })
  const failures = 'wott_uplink_connections_total{result="failed"}'
  for (const times of [2, 3]) {
    const before = await relayed.at.metric(failures)
    const answer = post(relayed, relayed.device, 'x')
    await came.promise
    came = Promise.withResolvers()
    proxy.cut()
    assert.equal((await answer).status, 503)
    await relayed.at.until(failures, (count) => count !== before)
    proxy.restore()
    await relayed.connected(times)
  }
  assert.equal(await relayed.at.metric('wott_uplink_suspects'), 0)
})

it('in front of NATS, a topic that it refuses stops only the device that sent it', async () => {
  await using nats = await startNats()
  await using relayed = await startRelayed(nats.port, { brokerSubscribe: 'off' })
  const honest = await relayed.at.pki.issue('honest.d.wott.local')
  let told = false
  void relayed.at
    .logged(
      ({ device, msg }) => device === 'a.d.wott.local' && /separate connection$/.test(String(msg)),
    )
    .then(() => {
      told = true
    })
  const bad = await keepPosting(relayed, relayed.device, 'a.b', () => told)
  assert.ok(bad.every(({ status }) => status === 503))
  await relayed.connected(TOLD_APART + 1)
  const before = await connections(relayed)
  const poison = async () => {
    for (let count = 0; count < 20; count += 1) await post(relayed, relayed.device, 'a.b')
  }
  const readings = async () => {
    for (let count = 0; count < 20; count += 1)
      assert.equal((await post(relayed, honest, 'good')).status, 200)
  }
  await Promise.all([poison(), readings()])
  assert.equal(await connections(relayed), before)
})
