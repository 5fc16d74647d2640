import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createAnswers } from '../../src/mqtt/answers.ts'
import type { Client } from '../../src/mqtt/client.ts'
import type { ProtocolError } from '../../src/mqtt/reasons.ts'

/** The answers to a client with a Maximum Packet Size of 100 bytes. */
function open() {
  const written: string[] = []
  const failures: number[] = []
  let holds = 0
  let behind = 0
  const client = {
    wire: { write: (bytes: Buffer) => written.push(String(bytes)) },
    terms: { maximumPacketSize: 100 },
    isOpen: () => failures.length === 0,
    fail: ({ reason }: ProtocolError) => failures.push(reason),
    hold() {
      holds += 1
      return () => {
        holds -= 1
      }
    },
  } as unknown as Client
  const stall = {
    behind: () => {
      behind += 1
    },
    stop() {},
  }
  const answers = createAnswers(client, stall)
  return { answers, written, failures, holds: () => holds, behind: () => behind }
}

describe('the answers to a client', () => {
  it('are sent in the order of the packets they answer', () => {
    const { answers, written } = open()
    const [first, second, third] = [answers.expect(), answers.expect(), answers.expect()]
    second(Buffer.from('b'))
    assert.deepEqual(written, [])
    first(Buffer.from('a'))
    assert.deepEqual(written, ['a', 'b'])
    third(Buffer.from('c'))
    assert.deepEqual(written, ['a', 'b', 'c'])
  })

  it('stop reading from the client while a thousand are pending', () => {
    const { answers, holds } = open()
    const coming = Array.from({ length: 1000 }, () => answers.expect())
    assert.equal(holds(), 1)
    for (const answer of coming.slice(0, 499)) answer(Buffer.from('a'))
    assert.equal(holds(), 1)
    coming[499]?.(Buffer.from('a'))
    assert.equal(holds(), 0)
  })

  it('stop reading from the client while a thousand wait for an earlier one', () => {
    const { answers, written, holds } = open()
    const first = answers.expect()
    for (let count = 1; count < 1000; count++) answers.inOrder(Buffer.from('b'))
    assert.deepEqual([written.length, holds()], [0, 1])
    first(Buffer.from('a'))
    assert.deepEqual([written.length, holds()], [1000, 0])
  })

  it('stop reading from the client while a thousand are unread', () => {
    const { answers, holds, behind } = open()
    for (let count = 0; count < 1024; count++) answers.expect()(Buffer.from('a'))
    assert.deepEqual([holds(), behind()], [0, 0])
    answers.atOnce(Buffer.from('a'))
    assert.deepEqual([holds(), behind()], [1, 1])
    answers.taken()
    assert.equal(holds(), 0)
  })

  it('end the connection where one exceeds the Maximum Packet Size [MQTT-3.1.2-24]', () => {
    const { answers, written, failures } = open()
    answers.expect()(Buffer.alloc(100, 'a'))
    answers.expect()(Buffer.alloc(101))
    answers.expect()(Buffer.from('a'))
    assert.deepEqual([written.length, failures], [1, [0x95]])
  })
})
