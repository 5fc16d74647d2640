import type uPlot from 'uplot'
import type { Line } from './lines.ts'
import type { Fixed } from './span.ts'
import { timeTexts } from './time-texts.ts'

export interface Plot {
  /** Draws lines over a time, whatever of it has numbers. Returns where the time begins and ends, in pixels from the edges of the element. */
  draw(lines: readonly Line[], shown: Fixed): Promise<Edges>
  /** Takes all lines away. */
  clear(): void
}

export interface Edges {
  readonly left: number
  readonly right: number
}

export const NO_EDGES: Edges = { left: 0, right: 0 }

export interface PlotOptions {
  /** Part of the time was marked with the pointer, in seconds since the Unix epoch. */
  onMark(from: number, to: number): void
  /** The whole range is wanted again. */
  onReset(): void
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
/** For lines beyond the number of colors. */
const DASH = [8, 4]

/** Lines over time in `element`. */
export function createPlot(element: HTMLElement, { onMark, onReset }: PlotOptions): Plot {
  let drawn: uPlot | null = null
  let edges = NO_EDGES
  /** The number of the last call of `draw`: an older one that was still loading draws nothing. */
  let latest = 0

  function create(UPlot: typeof uPlot, labels: readonly string[], data: uPlot.AlignedData): uPlot {
    const edge = { stroke: colorOf(element, '--edge'), width: 1 }
    const axis = { stroke: colorOf(element, '--soft'), grid: edge, ticks: edge }
    const series = labels.map((label, n) => ({
      label,
      stroke: COLORS[n % COLORS.length] as string,
      width: 2,
      points: { size: 4 },
      ...(n < COLORS.length ? {} : { dash: DASH }),
      // uPlot's own rounds to three places
      value: (_: uPlot, value: number | null) => (value === null ? '–' : String(value)),
    }))
    const options: uPlot.Options = {
      width: element.clientWidth,
      height: HEIGHT,
      // uPlot widens an axis with one point to years, unless it is told what to show
      scales: { x: { auto: false, range: (_, min, max) => [min, max] } },
      axes: [
        { ...axis, space: 90, values: (_, marks) => timeTexts(marks) },
        { ...axis, size: widthOf },
      ],
      series: [{}, ...series],
      cursor: {
        drag: { x: true, y: false, setScale: false },
        bind: {
          dblclick: () => () => {
            onReset()
            return null
          },
        },
      },
      hooks: { setSelect: [mark], setScale: [tell], draw: [measure] },
    }
    return new UPlot(options, data, element)
  }

  function mark(plot: uPlot): void {
    const { left, width } = plot.select
    if (width < 2) return
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
    onMark(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'))
  }

  /** Says the range of the axis where screen readers and tests find it. */
  function tell({ scales }: uPlot): void {
    const { min, max } = scales.x ?? {}
    if (min == null || max == null) return
    const [from, to] = [new Date(min * 1000), new Date(max * 1000)]
    element.dataset.from = from.toISOString()
    element.dataset.to = to.toISOString()
    element.setAttribute('aria-label', `From ${from.toLocaleString()} to ${to.toLocaleString()}`)
  }

  function measure({ bbox, width }: uPlot): void {
    const left = bbox.left / devicePixelRatio
    edges = { left, right: width - left - bbox.width / devicePixelRatio }
  }

  function clear(): void {
    latest += 1
    drawn?.destroy()
    drawn = null
  }

  addEventListener('resize', () => drawn?.setSize({ width: element.clientWidth, height: HEIGHT }))

  return {
    async draw(lines, { from, to }) {
      latest += 1
      const mine = latest
      const UPlot = await loadUPlot()
      if (UPlot === null || mine !== latest) return edges
      const data = UPlot.join(lines.map(({ points }) => points as unknown as uPlot.AlignedData))
      const labels = lines.map(({ label }) => label)
      const isSame =
        drawn?.series.length === labels.length + 1 &&
        drawn.series.slice(1).every(({ label }, n) => label === labels[n])
      if (!isSame) {
        drawn?.destroy()
        drawn = create(UPlot, labels, data)
      }
      const plot = drawn as uPlot
      plot.batch(() => {
        plot.setData(data, false)
        plot.setScale('x', { min: from / 1000, max: to / 1000 })
      })
      return edges
    },
    clear,
  }
}

/** The width that the longest number at the axis needs. */
function widthOf(plot: uPlot, texts: string[] | null): number {
  const longest = Math.max(0, ...(texts ?? []).map((text) => text.length))
  plot.ctx.save()
  plot.ctx.font = plot.axes[1]?.font?.[0] ?? plot.ctx.font
  const width = plot.ctx.measureText('0'.repeat(longest)).width / devicePixelRatio
  plot.ctx.restore()
  return Math.max(48, Math.ceil(width) + 20)
}

/** The color itself: a canvas does not understand `light-dark()`. */
function colorOf(element: HTMLElement, variable: string): string {
  element.style.color = `var(${variable})`
  const { color } = getComputedStyle(element)
  element.style.color = ''
  return color
}

let loading: Promise<typeof uPlot | null> | undefined

/** Loads uPlot when the first chart is opened; null if that fails, and then the next call tries again. */
function loadUPlot(): Promise<typeof uPlot | null> {
  loading ??= new Promise((resolve) => {
    const style = document.createElement('link')
    style.rel = 'stylesheet'
    style.href = '/assets/uplot.css'
    const script = document.createElement('script')
    script.src = '/assets/uplot.js'
    script.onload = () => resolve((globalThis as unknown as { uPlot: typeof uPlot }).uPlot)
    script.onerror = () => {
      loading = undefined
      resolve(null)
    }
    document.head.append(style, script)
  })
  return loading
}
