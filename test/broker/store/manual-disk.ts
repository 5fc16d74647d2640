import type { Change } from '../../../src/broker/store/changes.ts'
import type { Disk } from '../../../src/broker/store/group-commit.ts'

interface Asked {
  readonly changes: readonly Change[]
  done(): void
  fail(error: Error): void
}

/** A disk whose commits the test answers, in order. */
export function createManualDisk() {
  const asked: Asked[] = []
  let arrived = Promise.withResolvers<void>()
  let closed = false
  const disk: Disk = {
    async recover() {},
    commit: (changes) =>
      new Promise((done, fail) => {
        asked.push({ changes, done, fail })
        arrived.resolve()
      }),
    read: async ({ upTo }) => ({ rows: [], damaged: [], scanned: 0, reached: upTo }),
    readTopics: async () => ({ rows: [], damaged: [], scanned: 0, reached: null }),
    readLate: async () => ({ rows: [], damaged: [], scanned: 0, reached: null }),
    split: async () => ({ before: 0, from: null }),
    count: async () => 0,
    async close() {
      closed = true
    },
  }
  return {
    disk,
    isClosed: () => closed,
    /** The next commit, once it is asked for. */
    async next(): Promise<Asked> {
      while (asked.length === 0) {
        arrived = Promise.withResolvers()
        await arrived.promise
      }
      return asked.shift() as Asked
    },
    /** Whether a commit waits for its answer. */
    isAsked: () => asked.length > 0,
  }
}
