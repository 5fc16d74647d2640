import type { UplinkDrop } from '../../metrics/meter.ts'
import { createTopicMemo } from '../../topic/memo.ts'
import type { Message } from '../../topic/message.ts'
import {
  MAX_PROPERTIES_BYTES,
  MAX_USER_PROPERTIES,
  propertiesByteLength,
} from '../../topic/properties.ts'
import { readingTopicProblem } from '../../topic/topic.ts'

const REMEMBERED = { topics: 10_000, size: 1_000_000 }

/** Why a message from the other broker is dropped, because the gateway's own rules would have refused it; null for all others. */
export function createDropReasons(
  maxPayloadBytes: number,
): (message: Message) => UplinkDrop | null {
  // empty for none
  const problems = createTopicMemo((topic) => readingTopicProblem(topic) ?? '', REMEMBERED)

  return ({ topic, payload, properties }) => {
    if (problems.of(topic) !== '') return 'topic_invalid'
    const isTooLarge =
      payload.length > maxPayloadBytes ||
      (properties !== null &&
        ((properties.userProperties?.length ?? 0) > MAX_USER_PROPERTIES ||
          propertiesByteLength(properties) > MAX_PROPERTIES_BYTES))
    return isTooLarge ? 'too_large' : null
  }
}
