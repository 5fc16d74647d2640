import type { ChartView } from './address.ts'
import { ask } from './ask.ts'
import type { Chart } from './chart.ts'
import { find } from './find.ts'
import type { Topics } from './topics.ts'

/** A chart that the address asks for, until its topics are here. */
export interface LinkedChart {
  want(view: ChartView | null): void
  /** What is still wanted. */
  view(): ChartView | null
  /** Opens it once all its topics are here. `isLast`: no more topics will come, so it opens with those that are here. */
  open(isLast: boolean): void
}

export function createLinkedChart(topics: Topics, chart: Chart): LinkedChart {
  let wanted: ChartView | null = null

  async function explain(missing: readonly string[], isOpen: boolean): Promise<void> {
    const sentences = await Promise.all(missing.map(whyMissing))
    if (isOpen) chart.remark(sentences.join(' '))
    else {
      find('#missing').hidden = false
      find('#missing').textContent = sentences.join(' ')
    }
  }

  return {
    want(view) {
      wanted = view
      find('#missing').hidden = true
    },
    view: () => wanted,
    open(isLast) {
      if (!wanted) return
      const view = wanted
      const missing = view.topics.filter((name) => !topics.get(name))
      if (missing.length > 0 && !isLast) return
      wanted = null
      const isOpen = missing.length < view.topics.length
      if (isOpen) chart.restore(view)
      if (missing.length > 0) void explain(missing, isOpen)
    },
  }
}

/** Asks the gateway whether the viewer may read the topic at all. */
async function whyMissing(topic: string): Promise<string> {
  const answer = await ask(`/history?filter=${encodeURIComponent(topic)}&limit=1`)
  if ('failure' in answer && answer.code === 'read_denied')
    return `You may not read ${topic}, which the link asks for. Whoever runs the gateway can allow it.`
  if ('failure' in answer) return `${topic}, which the link asks for: ${answer.failure}`
  return `There are no messages in ${topic}, which the link asks for.`
}
