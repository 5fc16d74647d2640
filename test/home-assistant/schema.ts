import assert from 'node:assert/strict'

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string' && value !== ''
const isTopic: Check = (value) => isText(value) && !/[+#\0]/.test(String(value))
const isTemplate: Check = (value) => isText(value) && /^\{\{.+\}\}$/.test(String(value))

/** The part of the schemas of homeassistant/components/mqtt/sensor.py that is used here, or could be by mistake. */
const SENSOR: Readonly<Record<string, Check>> = {
  name: isText,
  unique_id: (value) => isText(value) && /^[A-Za-z0-9_-]+$/.test(String(value)),
  state_topic: isTopic,
  unit_of_measurement: isText,
  device_class: isText,
  state_class: (value) => ['measurement', 'total', 'total_increasing'].includes(String(value)),
  value_template: isTemplate,
  expire_after: (value) => Number.isInteger(value) && Number(value) > 0,
  availability: (value) =>
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((one) => conforms(one, { topic: isTopic }, ['topic'])),
  device: (value) =>
    conforms(
      value,
      {
        identifiers: (ids) => Array.isArray(ids) && ids.length > 0 && ids.every(isText),
        name: isText,
      },
      ['identifiers'],
    ),
  origin: (value) => conforms(value, { name: isText, sw_version: isText }, ['name']),
}

/** Throws unless Home Assistant would accept the announcement and its topic. */
export function checkDiscovery(topic: string, payload: string): Record<string, unknown> {
  assert.match(topic, /^homeassistant\/sensor\/[A-Za-z0-9_-]+\/config$/)
  const config = JSON.parse(payload)
  assert.ok(conforms(config, SENSOR, ['state_topic', 'unique_id', 'device', 'origin']), payload)
  return config
}

function conforms(
  value: unknown,
  checks: Readonly<Record<string, Check>>,
  required: readonly string[],
): boolean {
  if (typeof value !== 'object' || value === null) return false
  return (
    required.every((key) => key in value) &&
    Object.entries(value).every(([key, each]) => checks[key]?.(each) === true)
  )
}
