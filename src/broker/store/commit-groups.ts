import type { Change } from './changes.ts'

/** What goes into one commit. */
export interface CommitGroup {
  /** In the order of the calls. */
  readonly parts: Part[]
  size: number
  /** How many calls of `append` it has; all share `stored`. */
  waiters: number
  readonly stored: PromiseWithResolvers<void>
}

/** The changes of one call. */
interface Part {
  changes: readonly Change[]
  /** Null for changes that somebody waits for. */
  readonly key: string | null
}

/** The changes that wait for a commit, in the order of the calls. */
export interface CommitGroups {
  isEmpty(): boolean
  /** How many calls of `append` wait. */
  waiters(): number
  /** Adds changes that somebody waits for, and returns their group. */
  append(changes: readonly Change[]): CommitGroup
  /** Adds changes that nobody waits for; they take the place of earlier ones with the same key. */
  later(key: string, changes: readonly Change[]): void
  /** Takes the first group; an empty one if none waits. */
  take(): CommitGroup
  /** Puts those changes of a group that nobody waits for in front again, unless later ones have replaced them. */
  giveBack(group: CommitGroup): void
}

/** Limits the time that copying changes to another thread takes to some milliseconds. */
const CHANGES_AT_ONCE = 4_096

/** One promise for a whole group, because each of hundreds of messages would otherwise need its own. */
export function createCommitGroups(): CommitGroups {
  const groups: CommitGroup[] = []
  // of these groups
  const byKey = new Map<string, Part>()
  let waiters = 0

  /** Adds a part to the last group, or to a new one if that is full. */
  function add(part: Part): CommitGroup {
    const last = groups.at(-1)
    const group = last && last.size < CHANGES_AT_ONCE ? last : createGroup()
    if (group !== last) groups.push(group)
    group.parts.push(part)
    group.size += part.changes.length
    return group
  }

  /** The part waits again, with the changes that have replaced it meanwhile. */
  function restore(part: Part, key: string): void {
    const newer = byKey.get(key)
    if (newer) {
      part.changes = newer.changes
      newer.changes = []
    }
    byKey.set(key, part)
  }

  return {
    isEmpty: () => groups.length === 0,
    waiters: () => waiters,
    append(changes) {
      const group = add({ changes, key: null })
      group.waiters += 1
      waiters += 1
      return group
    },
    later(key, changes) {
      const earlier = byKey.get(key)
      if (earlier) {
        earlier.changes = changes
        return
      }
      const part = { changes, key }
      byKey.set(key, part)
      add(part)
    },
    take() {
      const group = groups.shift() ?? createGroup()
      waiters -= group.waiters
      for (const { key } of group.parts) if (key !== null) byKey.delete(key)
      return group
    },
    giveBack({ parts }) {
      const unawaited = parts.filter(({ key }) => key !== null)
      if (unawaited.length === 0) return
      for (const part of unawaited) restore(part, part.key as string)
      const first = groups[0] ?? createGroup()
      if (groups.length === 0) groups.push(first)
      first.parts.unshift(...unawaited)
      for (const { changes } of unawaited) first.size += changes.length
    },
  }
}

/** All changes of a group. */
export function changesIn({ parts }: CommitGroup): Change[] {
  const all: Change[] = []
  for (const { changes } of parts) for (const change of changes) all.push(change)
  return all
}

function createGroup(): CommitGroup {
  return { parts: [], size: 0, waiters: 0, stored: Promise.withResolvers() }
}
