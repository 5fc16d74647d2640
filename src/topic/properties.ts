import type { MessageProperties, UserProperty } from './message.ts'

/** Most user properties of one message. */
export const MAX_USER_PROPERTIES = 100
/** Bytes of all properties of one message together. */
export const MAX_PROPERTIES_BYTES = 65_535

/** The properties as JSON has them: correlation data in base64. */
export interface JsonProperties extends Omit<MessageProperties, 'correlationData'> {
  readonly correlationData?: string
}

export function toJsonProperties(properties: MessageProperties): JsonProperties {
  const { correlationData, ...rest } = properties
  if (correlationData === undefined) return rest
  return { ...rest, correlationData: correlationData.toString('base64') }
}

/** What `toJsonProperties` wrote; throws an Error where it cannot have. */
export function fromJsonProperties(value: unknown): MessageProperties {
  if (!isJsonProperties(value)) throw new Error('the properties of a message are damaged')
  const { correlationData, ...rest } = value
  if (correlationData === undefined) return rest
  return { ...rest, correlationData: Buffer.from(correlationData, 'base64') }
}

/** Bytes that the properties take, about as many as in an MQTT packet. */
export function propertiesByteLength(properties: MessageProperties | null): number {
  if (properties === null) return 0
  const { contentType = '', responseTopic = '', correlationData, userProperties = [] } = properties
  let bytes = Buffer.byteLength(contentType) + Buffer.byteLength(responseTopic)
  bytes += correlationData?.length ?? 0
  for (const [name, value] of userProperties)
    bytes += 5 + Buffer.byteLength(name) + Buffer.byteLength(value)
  return bytes
}

/**
 * At least as many as `propertiesByteLength`, without counting the bytes of each text: a code unit takes at most three.
 */
export function mostPropertiesBytes(properties: MessageProperties | null): number {
  if (properties === null) return 0
  const { contentType = '', responseTopic = '', correlationData, userProperties = [] } = properties
  let codeUnits = contentType.length + responseTopic.length
  for (const [name, value] of userProperties) codeUnits += name.length + value.length
  return 3 * codeUnits + 5 * userProperties.length + (correlationData?.length ?? 0)
}

function isJsonProperties(value: unknown): value is JsonProperties {
  if (typeof value !== 'object' || value === null) return false
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } =
    value as Record<string, unknown>
  return (
    [undefined, 0, 1].includes(payloadFormatIndicator as undefined) &&
    [contentType, responseTopic, correlationData].every(isTextOrAbsent) &&
    (userProperties === undefined ||
      (Array.isArray(userProperties) && userProperties.every(isUserProperty)))
  )
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

function isUserProperty(value: unknown): value is UserProperty {
  return (
    Array.isArray(value) && value.length === 2 && value.every((text) => typeof text === 'string')
  )
}
