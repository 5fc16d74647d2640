import type { Row } from './lines.ts'
import type { Edges } from './plot.ts'
import type { Fixed } from './span.ts'

/** Shows states over the same time as the lines, and below them: one bar a row, a part of it for each state. */
export function drawTimeline(
  element: HTMLElement,
  rows: readonly Row[],
  shown: Fixed,
  { left, right }: Edges,
): void {
  element.hidden = rows.length === 0
  if (rows.length === 0) {
    element.replaceChildren()
    return
  }
  element.style.paddingLeft = `${left}px`
  element.style.paddingRight = `${right}px`
  const ends = document.createElement('p')
  ends.className = 'timeline-ends'
  for (const time of [shown.from, shown.to]) {
    const text = document.createElement('span')
    text.textContent = new Date(time).toLocaleString()
    ends.append(text)
  }
  element.replaceChildren(...rows.map((row) => rowOf(row, shown)), ends)
}

function rowOf({ label, runs }: Row, { from, to }: Fixed): HTMLElement {
  const row = document.createElement('div')
  row.className = 'timeline-row'
  const name = document.createElement('span')
  name.className = 'timeline-name'
  name.textContent = label
  const bar = document.createElement('ol')
  bar.className = 'timeline-bar'
  bar.setAttribute('aria-label', label)
  for (const [index, run] of runs.entries()) {
    const next = runs[index + 1]
    const start = Math.max(from, run.from)
    const end = Math.min(to, next ? next.from : to)
    if (run.text === null || end <= start) continue
    const part = document.createElement('li')
    const time = new Date(run.from).toLocaleString()
    part.textContent = run.text === '' ? '(empty)' : run.text
    part.title = `${part.textContent} since ${time}`
    part.dataset.tone = String(toneOf(run.text))
    part.style.left = `${(100 * (start - from)) / (to - from)}%`
    part.style.width = `${(100 * (end - start)) / (to - from)}%`
    bar.append(part)
  }
  row.append(name, bar)
  return row
}

const TONES = 6

/** The same text always has the same color. */
function toneOf(text: string): number {
  let sum = 0
  for (const character of text) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 9973
  return sum % TONES
}
