import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodePacket } from '../../src/mqtt/decode.ts'
import type { ClientPacket, ConnectWill, Version } from '../../src/mqtt/packets.ts'
import { ProtocolError, Reason } from '../../src/mqtt/reasons.ts'
import type { MessageProperties } from '../../src/topic/message.ts'
import { SEED } from '../support/seed.ts'
import { createRandom, mutate, samplePackets } from './mutate.ts'
import { VERSIONS } from './wire.ts'

/** `npm run fuzz` repeats them with other seeds. */
const RUNS = 150_000
const SAMPLES = 1_000

const REASONS: readonly number[] = Object.values(Reason)

describe('many damaged packets', () => {
  it('are each refused by a ProtocolError or decoded to a well-formed packet', (t) => {
    t.diagnostic(`FUZZ_SEED=${SEED}`)
    // stack traces would take most of the time
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    t.after(() => {
      Error.stackTraceLimit = stackTraceLimit
    })
    const share = Math.ceil(RUNS / VERSIONS.length)
    for (const version of VERSIONS) {
      const packets = samplePackets(version, SAMPLES, SEED)
      let decoded = 0
      for (let run = 0; run < share; run++) {
        const { first, body } = mutate(packets, createRandom(SEED + run))
        // the first packet of a connection, and one after it
        for (const named of [null, version] as const) {
          const problem = problemWith(first, body, named)
          if (problem === null) decoded += 1
          else if (problem !== 'refused')
            assert.fail(
              `FUZZ_SEED=${SEED}, version ${named}: 0x${first.toString(16)} ${body.toString('hex')}: ${problem}`,
            )
        }
      }
      // heavier damage would only test the first check
      assert.ok(decoded > share / 10, `only ${decoded} of ${share} were decoded`)
    }
  })
})

/** Null where the packet is decoded and well-formed, "refused" where it is refused properly, otherwise what is wrong. */
function problemWith(first: number, body: Buffer, version: Version | null): string | null {
  let packet: ClientPacket
  try {
    packet = decodePacket(first, body, version)
  } catch (error) {
    if (!(error instanceof ProtocolError)) return String(error)
    return REASONS.includes(error.reason) ? 'refused' : `reason ${error.reason}`
  }
  if (packet.type === 'publish' && packet.dup && packet.qos === 0) return 'DUP with QoS 0'
  return fieldProblem(packet)
}

function fieldProblem(packet: ClientPacket): string | null {
  switch (packet.type) {
    case 'connect':
      return anyProblem(
        isText(packet.clientId) || 'client identifier',
        isUint(packet.keepAlive, 0, 0xffff) || 'keep alive',
        packet.sessionExpiry === null ||
          isUint(packet.sessionExpiry, 0, 0xffff_ffff) ||
          'session expiry',
        isUint(packet.receiveMaximum, 1, 0xffff) || 'receive maximum',
        packet.maximumPacketSize === Infinity ||
          isUint(packet.maximumPacketSize, 1, 0xffff_ffff) ||
          'maximum packet size',
        isUint(packet.topicAliasMaximum, 0, 0xffff) || 'topic alias maximum',
        packet.will === null || isWill(packet.will) || 'will',
      )
    case 'publish':
      return anyProblem(
        (packet.topic === '' ? packet.topicAlias > 0 : isTopic(packet.topic)) || 'topic',
        isUint(packet.packetId, packet.qos > 0 ? 1 : 0, packet.qos > 0 ? 0xffff : 0) ||
          'packet identifier',
        isUint(packet.topicAlias, 0, 0xffff) || 'topic alias',
        isUint(packet.qos, 0, 2) || 'QoS',
        isExpiry(packet.messageExpiry) || 'message expiry',
        areProperties(packet.properties) || 'properties',
      )
    case 'subscribe':
      return anyProblem(
        isUint(packet.packetId, 1, 0xffff) || 'packet identifier',
        isUint(packet.identifier, 0, 268_435_455) || 'subscription identifier',
        packet.subscriptions.length > 0 || 'no subscriptions',
        packet.subscriptions.every(
          ({ filter, qos, retainHandling }) =>
            isText(filter) && isUint(qos, 0, 2) && isUint(retainHandling, 0, 2),
        ) || 'subscription',
      )
    case 'unsubscribe':
      return anyProblem(
        isUint(packet.packetId, 1, 0xffff) || 'packet identifier',
        (packet.filters.length > 0 && packet.filters.every(isText)) || 'filters',
      )
    case 'pingreq':
      return null
    case 'disconnect':
    case 'auth':
      return anyProblem(isUint(packet.reason, 0, 0xff) || 'reason')
    default:
      return anyProblem(
        isUint(packet.packetId, 1, 0xffff) || 'packet identifier',
        isUint(packet.reason, 0, 0xff) || 'reason',
      )
  }
}

function anyProblem(...checks: (true | string)[]): string | null {
  const problem = checks.find((check) => check !== true)
  return problem === undefined ? null : `a wrong ${problem}`
}

function isUint(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0')
}

function isTopic(value: unknown): boolean {
  return isText(value) && /^[^+#]+$/.test(value as string)
}

function isExpiry(value: number | null): boolean {
  return value === null || isUint(value, 0, 0xffff_ffff)
}

function isWill({ topic, payload, qos, properties, messageExpiry, delay }: ConnectWill): boolean {
  return (
    isTopic(topic) &&
    Buffer.isBuffer(payload) &&
    isUint(qos, 0, 2) &&
    areProperties(properties) &&
    isExpiry(messageExpiry) &&
    isUint(delay, 0, 0xffff_ffff)
  )
}

function areProperties(properties: MessageProperties | null): boolean {
  if (properties === null) return true
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } =
    properties
  return (
    Object.keys(properties).length > 0 &&
    [undefined, 0, 1].includes(payloadFormatIndicator) &&
    (contentType === undefined || isText(contentType)) &&
    (responseTopic === undefined || isTopic(responseTopic)) &&
    (correlationData === undefined || Buffer.isBuffer(correlationData)) &&
    (userProperties === undefined || userProperties.every((pair) => pair.every(isText)))
  )
}
