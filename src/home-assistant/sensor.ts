import { createHash } from 'node:crypto'
import { type FieldEntry, numberName, type TopicEntry } from '../catalog/catalog.ts'
import { stateClassOf } from '../catalog/device-classes.ts'
import { VERSION } from '../version.ts'

/** A number that Home Assistant may have as a sensor. */
export interface SensorSource {
  readonly device: string
  readonly topic: string
  readonly entry: TopicEntry
  readonly field: FieldEntry
  /** In milliseconds; null for never. */
  readonly silenceMs: number | null
  readonly statusTopic: string
}

/** Its name in the topic of its announcement: always the same for the same number. */
export function sensorId({ device, topic, field }: SensorSource): string {
  // no topic and no WoTT ID holds U+0000
  const text = [device, topic, field.field ?? ''].join('\0')
  return `wott_${createHash('sha256').update(text).digest('hex').slice(0, 20)}`
}

/** What Home Assistant's MQTT discovery is told of a number, in JSON. */
export function toSensorConfig(source: SensorSource): string {
  const { device, topic, entry, field, silenceMs, statusTopic } = source
  const stateClass = stateClassOf(field.deviceClass)
  return JSON.stringify({
    unique_id: sensorId(source),
    name: numberName(entry.pattern, field, topic),
    state_topic: topic,
    ...(field.unit !== null && { unit_of_measurement: field.unit }),
    ...(field.deviceClass !== null && { device_class: field.deviceClass }),
    ...(stateClass !== null && { state_class: stateClass }),
    ...(field.field !== null && { value_template: templateOf(field.field) }),
    ...(silenceMs !== null && {
      expire_after: Math.ceil(silenceMs / 1000),
      availability: [{ topic: statusTopic }],
    }),
    device: { identifiers: [device], name: device },
    origin: { name: ORIGIN, sw_version: VERSION },
  })
}

const ORIGIN = 'wott-gateway'

/** In Jinja, whose strings have the escapes of Python. */
function templateOf(field: string): string {
  const members = field.split('.').map((name) => `['${name.replaceAll(/['\\]/g, '\\$&')}']`)
  return `{{ value_json${members.join('')} }}`
}

/** Whose number an announcement is about; null for one that is not this gateway's. */
export function readSensorConfig(json: string): { device: string; topic: string } | null {
  try {
    const { state_topic: topic, device, origin } = JSON.parse(json)
    const [id] = device.identifiers
    if (origin.name !== ORIGIN || typeof topic !== 'string' || typeof id !== 'string') return null
    return { device: id, topic }
  } catch {
    return null
  }
}
