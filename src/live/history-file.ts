import { readFile, rm } from 'node:fs/promises'
import type { Delivery } from '../broker/broker.ts'
import { PRIVATE_FILE, replaceFile } from '../disk/files.ts'
import { codeOf, messageOf } from '../errors.ts'
import { fromJsonProperties, toJsonProperties } from '../topic/properties.ts'
import type { SavedHistory } from './history.ts'

const FORMAT = 1

/**
 * What the last gateway wrote to `path` when it stopped, and takes the file away: after a crash there is none, and a stream
 * that resumes is told of a gap instead of a history with a hole in its end. Null where there is none, or a damaged one.
 */
export async function takeHistory(
  path: string,
  onDamage: (problem: string) => void,
): Promise<SavedHistory | null> {
  try {
    const text = await readFile(path, 'utf8')
    await rm(path)
    return parse(text)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') onDamage(messageOf(error))
    return null
  }
}

/** Writes it whole or not at all. */
export function saveHistory(path: string, saved: SavedHistory): Promise<void> {
  const { epoch, latest, forgotten, deliveries } = saved
  const lines = [
    JSON.stringify({ format: FORMAT, epoch, latest, forgotten, count: deliveries.length }),
    ...deliveries.map(({ payload, properties, ...rest }) =>
      JSON.stringify({
        ...rest,
        properties: properties && toJsonProperties(properties),
        payload: payload.toString('base64'),
      }),
    ),
  ]
  return replaceFile({ path, text: `${lines.join('\n')}\n`, mode: PRIVATE_FILE })
}

function parse(text: string): SavedHistory {
  const [first = '', ...lines] = text.trimEnd().split('\n')
  const { format, epoch, latest, forgotten, count } = JSON.parse(first)
  if (format !== FORMAT || count !== lines.length) throw new Error('it is not whole')
  let before = forgotten
  const deliveries = lines.map((line): Delivery => {
    const { topic, payload, qos, retain, device, time, sequence, ...later } = JSON.parse(line)
    // a gateway that knew no MQTT 5 wrote neither
    const { properties = null, expires = null } = later
    const good =
      typeof topic === 'string' &&
      typeof payload === 'string' &&
      [0, 1, 2].includes(qos) &&
      typeof retain === 'boolean' &&
      (device === null || typeof device === 'string') &&
      Number.isSafeInteger(time) &&
      (expires === null || Number.isSafeInteger(expires)) &&
      Number.isSafeInteger(sequence) &&
      sequence > before &&
      sequence <= latest
    if (!good) throw new Error(`entry ${sequence} is not a message`)
    before = sequence
    const bytes = Buffer.from(payload, 'base64')
    return {
      topic,
      payload: bytes,
      qos,
      retain,
      device,
      time,
      properties: properties === null ? null : fromJsonProperties(properties),
      expires,
      sequence,
    }
  })
  if (!/^[0-9a-f]{1,32}$/.test(epoch) || !Number.isSafeInteger(latest))
    throw new Error('it has no epoch')
  return { epoch, latest, forgotten, deliveries }
}
