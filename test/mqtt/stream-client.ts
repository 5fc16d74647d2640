import { type Duplex, duplexPair } from 'node:stream'
import mqttPacket, { type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet'
import { connectPacket } from '../support/raw-mqtt.ts'

/** Accepts one end of a stream as a new connection. */
export type Accept = (stream: Duplex) => void

/** An MQTT 3.1.1 client on a stream inside this process. */
export interface StreamClient {
  readonly isOpen: () => boolean
  send(packet: Packet): void
  /** Publishes; sends the PUBREL of QoS 2 when it is due. */
  publish(packet: Omit<IPublishPacket, 'cmd' | 'dup' | 'messageId'>): void
  /** The packets received since the last call. */
  taken(): Packet[]
  /** Closes the connection without a DISCONNECT. */
  drop(): void
}

export interface StreamClientOptions {
  /** Whether it acknowledges what it receives. */
  readonly acknowledges: boolean
  /** Called for each packet received. */
  onMove(): void
}

/** Connects; its CONNACK is the first packet received. */
export function connectStream(
  accept: Accept,
  connect: Partial<IConnectPacket>,
  { acknowledges, onMove }: StreamClientOptions,
): StreamClient {
  const [own, other] = duplexPair()
  const parser = mqttPacket.parser({ protocolVersion: 4 })
  let packets: Packet[] = []
  let isOpen = true
  let lastId = 0
  let waiting: Buffer[] = []
  let isWriting = false

  function send(packet: Packet): void {
    sendBytes(mqttPacket.generate(packet))
  }

  function sendBytes(bytes: Buffer): void {
    waiting.push(bytes)
    write()
  }

  /** Writes all that waits in one chunk, once the last one is read: aedes 1.2.0 fails where a chunk comes while it reads another. */
  function write(): void {
    if (isWriting || waiting.length === 0 || !isOpen) return
    isWriting = true
    process.nextTick(() => {
      const chunk = Buffer.concat(waiting)
      waiting = []
      own.write(chunk, () => {
        isWriting = false
        write()
      })
    })
  }

  function answer(packet: Packet): void {
    const { messageId = 0 } = packet
    if (packet.cmd === 'pubrec') send({ cmd: 'pubrel', messageId })
    if (!acknowledges) return
    if (packet.cmd === 'pubrel') send({ cmd: 'pubcomp', messageId })
    if (packet.cmd === 'publish' && packet.qos > 0)
      send({ cmd: packet.qos === 1 ? 'puback' : 'pubrec', messageId })
  }

  parser.on('packet', (packet) => {
    packets.push(packet)
    answer(packet)
  })
  own.on('data', (chunk: Buffer) => {
    onMove()
    parser.parse(chunk)
  })
  own.on('error', () => {})
  for (const event of ['end', 'close'])
    own.on(event, () => {
      isOpen = false
      onMove()
    })
  accept(other)
  sendBytes(toBytes(connectPacket(connect)))
  return {
    isOpen: () => isOpen,
    send,
    publish(packet) {
      lastId += 1
      send({ cmd: 'publish', dup: false, messageId: lastId, ...packet })
    },
    taken() {
      const all = packets
      packets = []
      return all
    },
    drop: () => void own.destroy(),
  }
}

const FLAGS = 9
const CLEAN_SESSION = 0x02

/** mqtt-packet does not write an empty client id without a clean session. */
function toBytes(packet: IConnectPacket): Buffer {
  const bytes = mqttPacket.generate({ ...packet, clean: true })
  if (!packet.clean) bytes.writeUInt8(bytes.readUInt8(FLAGS) & ~CLEAN_SESSION, FLAGS)
  return bytes
}
