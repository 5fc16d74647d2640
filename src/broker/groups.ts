import type { Group, Session, Subscription } from './session.ts'

export function createGroup(name: string): Group {
  const bySession = new Map<Session, Subscription>()
  let members: readonly Subscription[] | undefined
  let turns = 0
  return {
    name,
    add(subscription) {
      bySession.set(subscription.session, subscription)
      members = undefined
    },
    remove(session) {
      bySession.delete(session)
      members = undefined
    },
    members() {
      members ??= [...bySession.values()]
      return members
    },
    turn: () => ++turns,
  }
}

/**
 * The member whose turn it is, among those that may read `topic`: preferably a connected one with room, then a connected one,
 * then a stored session that is away. Undefined if no member may get it.
 */
export function chooseMember(
  group: Group,
  topic: string,
  except: Session | null = null,
): Subscription | undefined {
  const members = group.members()
  const turn = group.turn()
  let second: Subscription | undefined
  let away: Subscription | undefined
  for (let step = 0; step < members.length; step++) {
    const member = members[(turn + step) % members.length] as Subscription
    const { session } = member
    // a member without the right to read must not take a message away from the others
    if (session === except || !session.access.mayReceive(topic)) continue
    if (session.link?.hasRoom()) return member
    if (session.link) second ??= member
    else if (member.qos > 0) away ??= member
  }
  return second ?? away
}

/** The parts of `$share/GROUP/FILTER`; null for a filter that is not shared. */
export function parseShared(name: string): { share: string; filter: string } | null {
  if (!name.startsWith(PREFIX)) return null
  const end = name.indexOf('/', PREFIX.length)
  if (end === -1) return { share: name.slice(PREFIX.length), filter: '' }
  return { share: name.slice(PREFIX.length, end), filter: name.slice(end + 1) }
}

const PREFIX = '$share/'
