import type { Client } from './client.ts'
import { ProtocolError, Reason } from './reasons.ts'
import type { Stall } from './stall.ts'

/**
 * Answers leave in the order in which their packets came, however long each takes [MQTT-4.6.0-2, MQTT-4.6.0-3]. Reading stops
 * while too many answers of a client are pending or unread, which bounds the memory that they take.
 */
export interface Answers {
  /** Reserves the next place. Its answer leaves once the returned function was called with it, and all before it have left. */
  expect(): (bytes: Buffer) => void
  /** Sends an answer after all that are expected now. */
  inOrder(bytes: Buffer): void
  /** Sends an answer before all that are expected now. */
  atOnce(bytes: Buffer): void
  /** The client has taken what was written. */
  taken(): void
}

/** Answers of one client that may be pending. */
const MOST_COMING = 1000
/** Bytes of answers that it may leave unread; a short one takes more than its few bytes. */
const MOST_UNREAD = 65_536
const LEAST_BYTES = 64

export function createAnswers(client: Client, stall: Stall): Answers {
  const { wire, terms } = client
  const coming: { bytes: Buffer | null }[] = []
  let unread = 0
  let resumeComing: (() => void) | null = null
  let resumeUnread: (() => void) | null = null

  function leave(): void {
    for (let first = coming[0]; first?.bytes; first = coming[0]) {
      coming.shift()
      send(first.bytes)
    }
    if (coming.length > MOST_COMING / 2) return
    const resume = resumeComing
    resumeComing = null
    resume?.()
  }

  function send(bytes: Buffer): void {
    if (!client.isOpen()) return
    // [MQTT-3.1.2-24]
    if (bytes.length > terms.maximumPacketSize) {
      client.fail(
        new ProtocolError(
          Reason.packetTooLarge,
          'accepts only packets that are smaller than the answer to its own packet',
        ),
      )
      return
    }
    wire.write(bytes)
    unread += Math.max(bytes.length, LEAST_BYTES)
    if (unread <= MOST_UNREAD) return
    resumeUnread ??= client.hold()
    stall.behind()
  }

  function add(place: { bytes: Buffer | null }): void {
    coming.push(place)
    if (coming.length >= MOST_COMING) resumeComing ??= client.hold()
  }

  return {
    inOrder(bytes) {
      if (coming.length === 0) send(bytes)
      else add({ bytes })
    },
    expect() {
      const place: { bytes: Buffer | null } = { bytes: null }
      add(place)
      return (bytes) => {
        place.bytes = bytes
        leave()
      }
    },
    atOnce: send,
    taken() {
      unread = 0
      const resume = resumeUnread
      resumeUnread = null
      resume?.()
    },
  }
}
