import type { Answers } from './answers.ts'
import type { Client, MqttWorld } from './client.ts'
import { acknowledgementPacket } from './encode.ts'
import type { Acknowledgement } from './packets.ts'
import { ProtocolError, Reason } from './reasons.ts'

const FAILURE = 0x80

/** Takes a PUBACK, PUBREC or PUBCOMP of a client: its message is settled, or its PUBREL sent. */
export function takeAcknowledgement(
  client: Client,
  { sessions }: MqttWorld,
  answers: Answers,
  packet: Acknowledgement,
): void {
  const { session } = client
  const { type, packetId } = packet
  if (type === 'pubrec') {
    takePubrec(client, sessions, answers, packet)
    return
  }
  const entry = session.queue.byPacketId(packetId)
  if (entry && (type === 'puback' ? entry.qos === 1 : entry.isReleased))
    sessions.settle(session, entry)
}

/** PUBRELs leave in the order of their PUBRECs [MQTT-4.6.0-4]. */
function takePubrec(
  client: Client,
  sessions: MqttWorld['sessions'],
  answers: Answers,
  { packetId, reason }: Acknowledgement,
): void {
  const { session, terms } = client
  const { version } = terms
  const entry = session.queue.byPacketId(packetId)
  if (reason >= FAILURE) {
    if (entry) sessions.settle(session, entry)
  } else if (!entry) {
    const unknown = Reason.packetIdentifierNotFound
    answers.inOrder(acknowledgementPacket(version, 'pubrel', packetId, unknown))
  } else if (entry.qos === 2) {
    const answer = answers.expect()
    sessions.release(session, entry).then(
      () => answer(acknowledgementPacket(version, 'pubrel', packetId)),
      () => client.fail(new ProtocolError(Reason.unspecifiedError, 'cannot be sent PUBREL')),
    )
  }
}
