import type { UplinkDrop } from '../../metrics/meter.ts'
import type { Message } from '../../topic/message.ts'
import {
  MAX_PROPERTIES_BYTES,
  MAX_USER_PROPERTIES,
  propertiesByteLength,
} from '../../topic/properties.ts'
import { readingTopicProblem } from '../../topic/topic.ts'

/** Null for a message that is handed on. */
export function dropReason(
  { topic, payload, properties }: Message,
  maxPayload: number,
): UplinkDrop | null {
  if (readingTopicProblem(topic) !== null) return 'topic_invalid'
  const isTooLarge =
    payload.length > maxPayload ||
    (properties?.userProperties?.length ?? 0) > MAX_USER_PROPERTIES ||
    propertiesByteLength(properties) > MAX_PROPERTIES_BYTES
  return isTooLarge ? 'too_large' : null
}
