import type { Span } from './span.ts'

/** What a link to the page says. */
export interface Address {
  readonly filter: string
  readonly isWall: boolean
  readonly chart: ChartView | null
}

export interface ChartView {
  /** By their names. */
  readonly topics: readonly string[]
  /** Null for the first ones. */
  readonly fields: readonly { readonly topic: string; readonly field: string }[] | null
  readonly span: Span
}

const USUAL_SECONDS = 3600

/** Reads the query of an address, and ignores what is not valid in it. */
export function readAddress(search: string): Address {
  // a "+" is a wildcard that somebody typed, not a blank
  const query = new URLSearchParams(search.replaceAll('+', '%2B'))
  const topics = query.getAll('topic').filter((topic) => topic !== '')
  const fields = query.getAll('field').flatMap((text) => {
    const [, place = '', field = ''] = /^(\d{1,2}):(.*)$/s.exec(text) ?? []
    const topic = place === '' ? undefined : topics[Number(place)]
    return topic === undefined ? [] : [{ topic, field }]
  })
  const chart = { topics, fields: fields.length > 0 ? fields : null, span: spanIn(query) }
  return {
    filter: query.get('filter') ?? '',
    isWall: query.has('wall'),
    chart: topics.length > 0 ? chart : null,
  }
}

function spanIn(query: URLSearchParams): Span {
  const [from, to] = ['from', 'to'].map((name) => Date.parse(query.get(name) ?? '')) as [
    number,
    number,
  ]
  if (from >= 0 && to > from) return { from, to }
  const range = query.get('range') ?? ''
  return { last: /^\d{1,10}$/.test(range) ? Number(range) : USUAL_SECONDS }
}

/** The query that `readAddress` reads, with its "?"; empty where there is nothing to say. */
export function writeAddress({ filter, isWall, chart }: Address): string {
  const parts: string[] = []
  const say = (name: string, value: string) => parts.push(`${name}=${encodeURIComponent(value)}`)
  if (filter !== '') say('filter', filter)
  if (isWall) parts.push('wall')
  if (chart) {
    for (const topic of chart.topics) say('topic', topic)
    for (const { topic, field } of chart.fields ?? [])
      say('field', `${chart.topics.indexOf(topic)}:${field}`)
    if ('from' in chart.span) {
      say('from', new Date(chart.span.from).toISOString())
      say('to', new Date(chart.span.to).toISOString())
    } else say('range', String(chart.span.last))
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}
