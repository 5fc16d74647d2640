import type { Line } from './lines.ts'
import { meanText } from './summary.ts'

/** Min, mean and max of each line in the time that is shown. */
export function drawSummaries(table: HTMLTableElement, lines: readonly Line[]): void {
  const known = lines.filter(({ summary }) => summary !== null)
  table.hidden = known.length === 0
  const body = table.tBodies[0] as HTMLTableSectionElement
  const texts = known.map(({ label, summary }) =>
    summary
      ? [
          label,
          String(summary.min),
          meanText(summary.mean),
          String(summary.max),
          String(summary.count),
        ]
      : [],
  )
  body.replaceChildren(
    ...texts.map((cells) => {
      const row = document.createElement('tr')
      for (const text of cells) row.insertCell().textContent = text
      return row
    }),
  )
}
