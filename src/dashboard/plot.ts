import type uPlot from 'uplot'
import type { Line } from './lines.ts'

export interface Plot {
  /** Draws lines over a time from `from` to `to`, in seconds since the Unix epoch. */
  draw(lines: readonly Line[], from: number, to: number): Promise<void>
  /** Takes all lines away. */
  clear(): void
}

const HEIGHT = 300
const COLORS = [
  '#0f9d76',
  '#4285d4',
  '#d9822b',
  '#b04fc4',
  '#c2414b',
  '#6b8e23',
  '#008b9a',
  '#8a6d3b',
]

/** Lines over time in `element`. */
export function createPlot(element: HTMLElement): Plot {
  let drawn: uPlot | null = null
  let range: [number, number] = [0, 0]
  /** Counts what is drawn: loading may take longer than the next one. */
  let latest = 0

  function create(UPlot: typeof uPlot, labels: readonly string[], data: uPlot.AlignedData): uPlot {
    const edge = { stroke: colorOf(element, '--edge'), width: 1 }
    const axis = { stroke: colorOf(element, '--soft'), grid: edge, ticks: edge }
    const series = labels.map((label, n) => ({
      label,
      stroke: COLORS[n % COLORS.length] as string,
      width: 2,
      points: { size: 4 },
      // the usual one rounds to three places
      value: (_: uPlot, value: number | null) => (value === null ? '–' : String(value)),
    }))
    const options = {
      width: element.clientWidth,
      height: HEIGHT,
      // the time that was chosen, also where numbers begin later
      scales: { x: { range: () => range } },
      axes: [axis, { ...axis, size: 64 }],
      series: [{}, ...series],
    }
    return new UPlot(options, data, element)
  }

  function clear(): void {
    latest += 1
    drawn?.destroy()
    drawn = null
  }

  addEventListener('resize', () => drawn?.setSize({ width: element.clientWidth, height: HEIGHT }))

  return {
    async draw(lines, from, to) {
      latest += 1
      const mine = latest
      const UPlot = await loadUPlot()
      if (mine !== latest) return
      range = [from, to]
      const data = UPlot.join(lines.map(({ points }) => points as unknown as uPlot.AlignedData))
      const labels = lines.map(({ label }) => label)
      const isSame =
        drawn?.series.length === labels.length + 1 &&
        drawn.series.slice(1).every(({ label }, n) => label === labels[n])
      if (drawn && isSame) {
        drawn.setData(data)
        return
      }
      drawn?.destroy()
      drawn = create(UPlot, labels, data)
    },
    clear,
  }
}

/** A canvas takes no `light-dark()`, only what became of it. */
function colorOf(element: HTMLElement, variable: string): string {
  element.style.color = `var(${variable})`
  const { color } = getComputedStyle(element)
  element.style.color = ''
  return color
}

let loading: Promise<typeof uPlot> | undefined

/** Not before somebody wants a chart. */
function loadUPlot(): Promise<typeof uPlot> {
  loading ??= new Promise((resolve, reject) => {
    const style = document.createElement('link')
    style.rel = 'stylesheet'
    style.href = '/assets/uplot.css'
    const script = document.createElement('script')
    script.src = '/assets/uplot.js'
    script.onload = () => resolve((globalThis as unknown as { uPlot: typeof uPlot }).uPlot)
    script.onerror = reject
    document.head.append(style, script)
  })
  return loading
}
