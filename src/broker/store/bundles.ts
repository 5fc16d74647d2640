import { createBundleList } from './bundle-list.ts'
import type { Change } from './changes.ts'
import {
  type Audience,
  type Bundle,
  NO_AUDIENCES,
  type QueuedSession,
  type QueueEntry,
} from './queue-types.ts'
import type { SharedMessage, SharedMessages } from './shared-messages.ts'
import type { StoreContext } from './store-context.ts'

export type Bundles = ReturnType<typeof createBundles>

/** How each copy is sent, and its bytes. */
export type CopyTerms = Pick<Bundle, 'qos' | 'retain' | 'identifiers' | 'bytes'>

/** Stores the copies of a message for many sessions as one bundle, and forgets it with its last copy. */
export function createBundles({ journal, ids, now }: StoreContext, messages: SharedMessages) {
  // by a checksum over the ids of their sessions
  const known = new Map<number, Audience>()
  /** Those with bundles. */
  const inUse = new Set<Audience>()

  function audienceOf(sessions: readonly QueuedSession[]): Audience {
    const sum = sumOf(sessions)
    const found = known.get(sum)
    const isSame = found?.sessions.length === sessions.length
    if (isSame && sessions.every((one, place) => one === found.sessions[place])) return found
    const audience = createAudience(ids.next(), sessions)
    known.set(sum, audience)
    return audience
  }

  function create(
    shared: SharedMessage,
    audience: Audience,
    { qos, retain, identifiers, bytes }: CopyTerms,
  ): Bundle {
    const { length } = audience.sessions
    const bundle: Bundle = {
      id: ids.take(length),
      audience,
      qos,
      retain,
      identifiers,
      message: shared.message,
      shared,
      since: now(),
      bytes,
      packetId: 0,
      left: length,
      isStored: false,
      isCounted: false,
      early: new Map(),
    }
    add(bundle)
    audience.uncounted.push(bundle)
    return bundle
  }

  function add(bundle: Bundle): void {
    const { audience, shared } = bundle
    messages.addHolder(shared)
    audience.bundles.add(bundle)
    audience.live += 1
    if (inUse.has(audience)) return
    inUse.add(audience)
    for (const session of audience.sessions) if (session) join(session, audience)
  }

  /** Removes copies; the last one also removes the row. */
  function drop(bundle: Bundle, copies = 1): void {
    bundle.left -= copies
    if (bundle.left > 0 || copies === 0) return
    const { id, audience } = bundle
    messages.removeHolder(bundle.shared)
    journal.later(`bundle ${id}`, ['dropBundle', id], ['dropCopies', id, lastOf(bundle)])
    audience.bundles.delete(bundle)
    audience.live -= 1
    if (audience.live > 0) return
    inUse.delete(audience)
    audience.isStored = false
    journal.later(`audience ${audience.id}`, ['dropAudience', audience.id])
    const sum = sumOf(audience.sessions)
    if (known.get(sum) === audience) known.delete(sum)
    for (const session of audience.sessions) session?.away.audiences.delete(audience)
  }

  return {
    inUse: (): Iterable<Audience> => inUse,
    audienceOf,
    create,
    add,
    drop,
  }
}

/** Sessions that get the same bundles; one that is undefined no longer exists. */
export function createAudience(
  id: number,
  sessions: readonly (QueuedSession | undefined)[],
  isStored = false,
): Audience {
  let places: Map<QueuedSession | undefined, number> | undefined
  return {
    id,
    sessions,
    bundles: createBundleList(),
    live: 0,
    uncounted: [],
    isStored,
    place(session) {
      places ??= new Map(sessions.map((one, place) => [one, place]))
      return places.get(session) ?? -1
    },
  }
}

function join({ away }: QueuedSession, audience: Audience): void {
  if (away.audiences === NO_AUDIENCES) away.audiences = new Set()
  away.audiences.add(audience)
}

/** The changes that store a new bundle. */
export function changesOf(bundle: Bundle): Change[] {
  const { id, audience, qos, retain, identifiers, message, since } = bundle
  const list = identifiers === null ? null : JSON.stringify(identifiers)
  const change: Change = [
    'bundle',
    id,
    lastOf(bundle),
    audience.id,
    message.sequence,
    qos,
    retain ? 1 : 0,
    list,
    since,
  ]
  // the audience is stored with each bundle until one of them is stored
  if (audience.isStored) return [change]
  const numbers = audience.sessions.map((session) => session?.id)
  return [['audience', audience.id, numbers.join()], change]
}

/** A session's copy as an entry of its queue. */
export function toCopy(bundle: Bundle, session: QueuedSession): QueueEntry {
  const { id, audience, qos, retain, identifiers, message, shared, since, bytes } = bundle
  return {
    id: id + audience.place(session),
    qos,
    retain,
    identifiers,
    sharedName: null,
    message,
    shared,
    bundle,
    since,
    bytes,
    packetId: 0,
    isReleased: false,
    isMoving: false,
  }
}

function lastOf({ id, audience }: Bundle): number {
  return id + audience.sessions.length - 1
}

function sumOf(sessions: readonly (QueuedSession | undefined)[]): number {
  let sum = 0
  for (const session of sessions) sum = (Math.imul(sum, 31) + (session?.id ?? 0)) | 0
  return sum
}
