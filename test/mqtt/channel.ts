import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import mqttPacket, { type Packet } from 'mqtt-packet'
import { WebSocket } from 'ws'
import type { TestGateway } from '../support/gateway.ts'
import type { Credentials } from '../support/pki.ts'

const ANSWER_DEADLINE_MS = 30_000

/** Whether the gateway has read each piece before the next is sent, or all arrive together. */
export type Pace = 'apart' | 'together'

/** A connection whose bytes are split as the test says. */
export interface Channel extends Disposable {
  /** Sends each piece in its own TLS record or WebSocket message; messages that go `together`, in one record. */
  send(pieces: readonly Buffer[], pace: Pace): Promise<void>
  /** All packets so far, once there are `count`. Rejects when the connection closes first, or after ten seconds. */
  answers(count: number): Promise<readonly Packet[]>
}

export type OpenChannel = (at: TestGateway, who: Credentials) => Promise<Channel>

/** MQTT on the mqtt door, each piece in a TLS record of its own (more if it is over 16 KiB). */
export async function tlsChannel(at: TestGateway, who: Credentials): Promise<Channel> {
  const { socket, inOneSegment } = await openSocket(at.ports.mqtt, who)
  const received = receive()
  socket.on('data', received.bytes)
  socket.on('close', received.closed)
  const write = (piece: Buffer) => new Promise<void>((sent) => socket.write(piece, () => sent()))
  return {
    send: (pieces, pace) =>
      pace === 'apart'
        ? oneByOne(pieces, write)
        : inOneSegment(async () => {
            for (const piece of pieces) await write(piece)
          }),
    answers: received.answers,
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

/** MQTT over WebSocket on the device door, each piece in a binary message of its own. */
export async function webSocketChannel(at: TestGateway, who: Credentials): Promise<Channel> {
  const { socket } = await openSocket(at.ports.device, who)
  const received = receive()
  const webSocket = new WebSocket(`wss://localhost:${at.ports.device}/mqtt`, 'mqtt', {
    createConnection: () => socket,
  })
  webSocket.on('message', received.bytes)
  webSocket.on('close', received.closed)
  await once(webSocket, 'open')
  // otherwise a connection that the gateway ends would be an unhandled error
  webSocket.on('error', () => {})
  const write = (piece: Buffer) => new Promise<void>((sent) => webSocket.send(piece, () => sent()))
  return {
    async send(pieces, pace) {
      if (pace === 'apart') return oneByOne(pieces, write)
      socket.cork()
      const all = Promise.all(pieces.map(write))
      socket.uncork()
      await all
    },
    answers: received.answers,
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

async function oneByOne(
  pieces: readonly Buffer[],
  write: (piece: Buffer) => Promise<void>,
): Promise<void> {
  for (const piece of pieces) {
    await write(piece)
    // the gateway runs in this process and reads in the poll phase, which comes before setImmediate
    await setImmediate()
  }
}

interface Received {
  bytes(chunk: Buffer): void
  closed(): void
  readonly answers: Channel['answers']
}

function receive(): Received {
  const packets: Packet[] = []
  const parser = mqttPacket.parser()
  const closed = new AbortController()
  parser.on('packet', (packet) => packets.push(packet))
  return {
    bytes: (chunk) => void parser.parse(chunk),
    closed: () => closed.abort(new Error('the connection was closed')),
    async answers(count) {
      const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(ANSWER_DEADLINE_MS)])
      while (packets.length < count)
        await once(parser, 'packet', { signal }).catch(() => {
          const got = packets.map(({ cmd }) => cmd).join(' ') || 'nothing'
          throw new Error(`${packets.length} of ${count} answers (${got}): ${signal.reason}`)
        })
      return packets
    },
  }
}

interface Opened {
  readonly socket: TLSSocket
  /** Runs `write`, and sends the TLS records that it makes in as few TCP segments as possible. */
  inOneSegment(write: () => Promise<void>): Promise<void>
}

/** The TLS session of each client with each door, as a resumed handshake costs less than a new one. */
const sessions = new WeakMap<Credentials, Map<number, Buffer>>()

async function openSocket(port: number, who: Credentials): Promise<Opened> {
  const own = sessions.get(who) ?? new Map<number, Buffer>()
  sessions.set(who, own)
  const session = own.get(port)
  const tcp = connectTcp({ host: '127.0.0.1', port, noDelay: true })
  let held: Buffer[] | null = null
  // a TLSSocket on a net.Socket does not call its write(), but it does on a Duplex like this one
  const records = new Duplex({
    read: () => void tcp.resume(),
    write(record: Buffer, _encoding, done) {
      if (held === null) return void tcp.write(record, done)
      held.push(record)
      done()
    },
    final: (done) => void tcp.end(done),
    destroy(error, done) {
      tcp.destroy()
      done(error)
    },
  })
  tcp.on('data', (chunk) => records.push(chunk) || tcp.pause())
  tcp.on('end', () => records.push(null))
  tcp.on('close', () => records.destroy())
  tcp.on('error', () => {})
  const socket = connectTls({
    socket: records,
    servername: 'localhost',
    ca: who.ca,
    cert: who.certificate,
    key: who.key,
    ...(session === undefined ? {} : { session }),
  })
  socket.once('session', (made) => own.set(port, made))
  await once(socket, 'secureConnect')
  socket.on('error', () => {})

  return {
    socket,
    async inOneSegment(write) {
      held = []
      await write()
      const all = Buffer.concat(held)
      held = null
      tcp.write(all)
    },
  }
}
