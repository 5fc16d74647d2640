import { chooseMember } from './groups.ts'
import { toSharedMatch } from './route-match.ts'
import type { Routing } from './routing.ts'
import type { Session } from './session.ts'
import type { QueueEntry } from './store/queue-types.ts'
import type { Store } from './store/store.ts'

/**
 * Gives the unacknowledged shared messages of `session` to other members of their groups: to a connected one or, if the session
 * has ended, also to one that is away. A QoS 2 message that was sent stays: otherwise two members could receive it [MQTT 5
 * §4.8.2].
 */
export function redistribute(
  session: Session,
  store: Store,
  routing: Pick<Routing, 'group'>,
  onFailure: (error: unknown) => void,
): void {
  // a session that has ended also gives away messages that are still being stored, which would be lost with it
  const entries = session.isClosed ? session.queue.all() : session.queue.admitted()
  for (const entry of entries)
    if (!entry.isMoving && (entry.qos === 1 || entry.packetId === 0))
      move(session, entry, store, routing, onFailure)
}

function move(
  session: Session,
  entry: QueueEntry,
  store: Store,
  routing: Pick<Routing, 'group'>,
  onFailure: (error: unknown) => void,
): void {
  const { sharedName, message } = entry
  const group = sharedName === null ? undefined : routing.group(sharedName)
  const member = group && message && chooseMember(group, message.topic, session)
  if (!member || member.qos === 0) return
  if (!session.isClosed && !member.session.link) return
  const { queueing } = store
  const qos = Math.min(entry.qos, member.qos) as 1 | 2
  const receiver = { match: toSharedMatch(member, group), qos, retain: entry.retain }
  const done = () => {
    queueing.discard(session, entry)
    member.session.link?.wake()
  }
  if (!member.session.isStored) {
    queueing.push(member.session, message, receiver, entry.bytes)
    done()
    return
  }
  entry.isMoving = true
  session.queue.withhold(entry)
  // removed only once the other member has it: a crash in between delivers it twice, but does not lose it
  queueing
    .enqueue(message, [receiver], [])
    .then((taken) => (taken > 0 ? done() : keep(session, entry)))
    .catch((error) => {
      onFailure(error)
      keep(session, entry)
    })
}

function keep(session: Session, entry: QueueEntry): void {
  entry.isMoving = false
  if (session.isClosed) return
  if (entry.packetId === 0) session.queue.admit(entry)
  session.link?.wake()
}
