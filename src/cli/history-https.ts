import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { StringDecoder } from 'node:string_decoder'
import type { DeviceClient } from './client.ts'
import { CommandFailure, say } from './command.ts'
import { createRecords } from './history-records.ts'
import { refusalIn } from './publish-https.ts'
import { toCommandFailure } from './unreachable.ts'

/** The names and values of a query; undefined values are left out. */
type Query = Readonly<Record<string, string | undefined>>

export interface HistoryOutput {
  readonly format: 'ndjson' | 'csv' | 'json'
  /** The most messages or buckets; null for all. */
  readonly limit: number | null
  readonly isBuckets: boolean
}

/** The maximum of one answer. */
const PAGE = 100_000
/** Longer than the gateway works on one answer, as silence means a lost connection. */
const SILENCE_MS = 90_000
const GAPS: Readonly<Record<string, string>> = {
  expired: 'the oldest messages of this time range are no longer kept',
  restart: 'the gateway was restarted: messages from just before the restart may be missing',
  overload: 'QoS 0 messages arrived faster than the disk could store them: some may be missing',
  damaged: "some of these messages are missing, because the gateway's disk has damaged them",
}

/** Prints what was published before, answer by answer. Rejects with a CommandFailure. */
export async function readHistory(
  client: DeviceClient,
  query: Query,
  { format, limit, isBuckets }: HistoryOutput,
): Promise<void> {
  const { ca, cert, key } = client
  const agent = new Agent({ ca, cert, key, keepAlive: true })
  const told = new Set<string>()
  const wanted = format === 'json' ? 'ndjson' : format
  let left = limit ?? Number.POSITIVE_INFINITY
  let printed = 0

  /** Prints one answer, and returns the `after` of the next one. */
  async function page(after: string | undefined): Promise<string | null> {
    const size = Math.min(left, PAGE)
    const records = createRecords(wanted, isBuckets)
    const asked = isBuckets && limit === null ? undefined : String(size)
    const response = await open(client, agent, { ...query, format: wanted, limit: asked, after })
    tell(`${response.headers['wott-gaps'] ?? ''}`.split(', '))
    const decoder = new StringDecoder()
    let count = 0
    let lastId: string | null = null
    for await (const chunk of response as AsyncIterable<Buffer>) {
      let text = ''
      for (const record of records.push(decoder.write(chunk))) {
        if (record.kind === 'head') text += after === undefined ? record.text : ''
        else {
          text += toText(record.text)
          printed += 1
          count += 1
          lastId = record.id
        }
      }
      if (text !== '' && !process.stdout.write(text)) await once(process.stdout, 'drain')
    }
    const end = records.end()
    tell(end?.gaps.map(({ reason }) => reason) ?? [])
    left -= count
    if (end) return end.next
    return count === size && !isBuckets ? lastId : null
  }

  /** As JSON, all messages are one list. */
  function toText(record: string): string {
    return format === 'json' ? `${printed === 0 ? '[' : ',\n'}${record.trimEnd()}` : record
  }

  function tell(reasons: readonly string[]): void {
    for (const reason of reasons)
      if (reason !== '' && !told.has(reason)) {
        told.add(reason)
        say(GAPS[reason] ?? reason)
      }
  }

  try {
    let after: string | null | undefined
    while (after !== null && left > 0) after = await page(after)
    if (format === 'json') process.stdout.write(printed === 0 ? '[]\n' : ']\n')
  } catch (error) {
    throw toCommandFailure(error, client)
  } finally {
    agent.destroy()
  }
}

async function open(
  { host, port }: DeviceClient,
  agent: Agent,
  query: Query,
): Promise<IncomingMessage> {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${encodeURIComponent(value)}`,
  )
  const path = `/history?${pairs.join('&')}`
  const sent = request({ agent, host, port, path, timeout: SILENCE_MS }).end()
  sent.on('timeout', () => sent.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })))
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  if (response.statusCode === 200) return response
  const body = Buffer.concat(await Array.fromAsync(response)).toString()
  throw new CommandFailure(refusalIn(body, response.statusCode))
}
