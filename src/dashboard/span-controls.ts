import { find } from './find.ts'
import { type Fixed, panned, type Span, zoomed } from './span.ts'

/** The list of spans above a chart, and the buttons that move through time. */
export interface SpanControls {
  span(): Span
  /** Shows another span. */
  show(next: Span): void
  /** The span up to now that was chosen last. */
  lastOffered(): Span
}

/** `shown` is the time in the chart; `choose` is called with the span that somebody chooses. */
export function createSpanControls(shown: () => Fixed, choose: (next: Span) => void): SpanControls {
  const range = find<HTMLSelectElement>('#range')
  const fixed = find('#fixed')
  let span: Span = { last: Number(range.value) }

  function lastOffered(): Span {
    return { last: Number(range.dataset.last) }
  }

  const moves = {
    '#earlier': (time: Fixed) => panned(time, -0.5, Date.now()),
    '#later': (time: Fixed) => panned(time, 0.5, Date.now()),
    '#closer': (time: Fixed) => zoomed(time, 0.5),
    '#wider': (time: Fixed) => zoomed(time, 2),
  }
  for (const [selector, move] of Object.entries(moves))
    find(selector).addEventListener('click', () => choose(move(shown())))
  range.addEventListener('change', () => choose({ last: Number(range.value) }))
  find('#now').addEventListener('click', () => choose(lastOffered()))

  return {
    span: () => span,
    show(next) {
      const isOffered =
        'from' in next || [...range.options].some(({ value }) => value === String(next.last))
      span = isOffered ? next : lastOffered()
      if ('last' in span) range.dataset.last = String(span.last)
      range.value = 'last' in span ? String(span.last) : 'fixed'
      fixed.hidden = !('from' in span)
      fixed.textContent = 'from' in span ? timesOf(span) : ''
    },
    lastOffered,
  }
}

function timesOf({ from, to }: Fixed): string {
  const [start, end] = [new Date(from), new Date(to)]
  const isOneDay = start.toDateString() === end.toDateString()
  return `${start.toLocaleString()} to ${isOneDay ? end.toLocaleTimeString() : end.toLocaleString()}`
}
