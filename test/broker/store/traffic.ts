import type { Arrival } from '../../../src/broker/session.ts'
import type { Message } from '../../../src/topic/message.ts'
import type { TestClient } from './clients.ts'
import type { TestBroker } from './test-broker.ts'

/**
 * Takes a QoS 2 PUBLISH as `mqtt/` does, up to its PUBREC. Resolves to whether it is a new message; rejects where it
 * could not be stored.
 */
export async function receive(
  at: TestBroker,
  { session }: TestClient,
  packetId: number,
  payload: string,
  more: Partial<Message> = {},
): Promise<boolean> {
  const known = session.arrivals.get(packetId)
  if (known) {
    await known.stored
    if (session.arrivals.get(packetId) === known) return false
    throw new Error('the message that this one repeats was not stored')
  }
  const { sessions } = at.broker
  const arrival = sessions.arrive(session, packetId)
  if (!arrival) throw new Error('there is no room for it')
  const stored = at
    .publish('x', payload, { qos: 2, ...more }, { session, arrival })
    .catch((error) => {
      sessions.forget(session, arrival)
      throw error
    })
  arrival.stored = stored.catch(() => {})
  await stored
  return true
}

/** Takes the PUBREL, up to its PUBCOMP. */
export async function release(
  { broker }: TestBroker,
  { session }: TestClient,
  packetId: number,
): Promise<void> {
  await broker.sessions.leave(session, session.arrivals.get(packetId) as Arrival)
}
