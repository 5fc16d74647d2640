import { ask, type Failure } from './ask.ts'
import type { StreamMessage } from './topics.ts'

/** Messages in one answer, which the browser holds in memory. */
const MOST_MESSAGES = 500

interface Answer {
  readonly entries: readonly StreamMessage[]
  readonly next: string | null
}

/** Hands the latest message of each topic to `onMessage`, until `isEnough`. Resolves with why it failed, or null. */
export async function readLatest(
  filters: readonly string[],
  onMessage: (message: StreamMessage) => void,
  isEnough: () => boolean,
): Promise<Failure | null> {
  const query = filters.map((filter) => `filter=${encodeURIComponent(filter)}`).join('&')
  const url = `/history?${query}&latest=true&limit=${MOST_MESSAGES}`
  let next: string | null = null
  do {
    const after: string = next === null ? '' : `&after=${encodeURIComponent(next)}`
    const answer: Answer | Failure = await ask<Answer>(`${url}${after}`)
    if ('failure' in answer) return answer
    for (const message of answer.entries) onMessage(message)
    next = answer.next
  } while (next !== null && !isEnough())
  return null
}
