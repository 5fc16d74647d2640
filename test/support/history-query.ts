import { GatewayError } from '../../src/errors.ts'
import { HISTORY } from '../../src/http/history-parameters.ts'
import { type HistoryQuery, toHistoryQuery } from '../../src/http/history-query.ts'
import { parseQuery } from '../../src/http/query.ts'
import { createQueryReader } from '../../src/http/query-schema.ts'

const read = createQueryReader(HISTORY)

/** Parses the URL of a `GET /history` as the gateway does. Throws the refusal. */
export function parseHistoryQuery(url: string, now: number): HistoryQuery {
  const values = read(parseQuery(url))
  if (values instanceof GatewayError) throw values
  return toHistoryQuery(values, now)
}
