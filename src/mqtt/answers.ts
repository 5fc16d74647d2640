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

/** The place of an answer; its bytes are null while it is expected. */
interface Place {
  bytes: Buffer | null
}

const NOTHING: Place[] = []

export function createAnswers(client: Client, stall: Stall): Answers {
  return new ClientAnswers(client, stall)
}

/** A class, because there are tens of thousands: closures would take several times the memory. */
class ClientAnswers implements Answers {
  readonly #client: Client
  readonly #stall: Stall
  #coming = NOTHING
  #unread = 0
  #resumeComing: (() => void) | null = null
  #resumeUnread: (() => void) | null = null

  constructor(client: Client, stall: Stall) {
    this.#client = client
    this.#stall = stall
  }

  expect(): (bytes: Buffer) => void {
    const place: Place = { bytes: null }
    this.#add(place)
    return (bytes) => {
      place.bytes = bytes
      this.#leave()
    }
  }

  inOrder(bytes: Buffer): void {
    if (this.#coming.length === 0) this.atOnce(bytes)
    else this.#add({ bytes })
  }

  atOnce(bytes: Buffer): void {
    const { wire, terms } = this.#client
    if (!this.#client.isOpen()) return
    // [MQTT-3.1.2-24]
    if (bytes.length > terms.maximumPacketSize) {
      this.#client.fail(
        new ProtocolError(
          Reason.packetTooLarge,
          'accepts only packets that are smaller than the answer to its own packet',
        ),
      )
      return
    }
    wire.write(bytes)
    this.#unread += Math.max(bytes.length, LEAST_BYTES)
    if (this.#unread <= MOST_UNREAD) return
    this.#resumeUnread ??= this.#client.hold()
    this.#stall.behind()
  }

  taken(): void {
    this.#unread = 0
    const resume = this.#resumeUnread
    this.#resumeUnread = null
    resume?.()
  }

  #add(place: Place): void {
    if (this.#coming === NOTHING) this.#coming = []
    this.#coming.push(place)
    if (this.#coming.length >= MOST_COMING) this.#resumeComing ??= this.#client.hold()
  }

  #leave(): void {
    const coming = this.#coming
    for (let first = coming[0]; first?.bytes; first = coming[0]) {
      coming.shift()
      this.atOnce(first.bytes)
    }
    // an empty array would keep its room
    if (coming.length === 0) this.#coming = NOTHING
    if (coming.length > MOST_COMING / 2) return
    const resume = this.#resumeComing
    this.#resumeComing = null
    resume?.()
  }
}
