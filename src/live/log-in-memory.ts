import type { BrokerLog } from '../broker/broker.ts'
import type { MemoryHistory } from './memory-history.ts'

/** The log of a broker without a disk: all its messages are in `history`. */
export function logInMemory(log: BrokerLog, history: MemoryHistory): BrokerLog {
  return {
    ...log,
    oldest: () => history.state().trimmed,
    usage: () => history.state().usage,
    gapsAfter: (number) => [
      ...(number < history.state().thinned ? (['expired'] as const) : []),
      ...log.gapsAfter(number),
    ],
    read: async (range) => history.read(range),
    readTopics: async (range) => history.readTopics(range),
    readLate: async (range) => history.readLate(range),
    split: async (time) => history.split(time),
  }
}
