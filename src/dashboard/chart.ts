import type uPlot from 'uplot'
import type { Message, Topic, Topics } from './topics.ts'

export interface Chart {
  open(topic: Topic): void
  /** The topic has a new message. */
  touch(topic: Topic): void
  /** Messages are missing here. */
  redraw(): void
}

const MOST_CHOSEN = 8
const MOST_MESSAGES = 200
const REFRESH_MS = 250
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

/** A dialog with the lines of some topics, and their messages. */
export function createChart(topics: Topics): Chart {
  const dialog = find<HTMLDialogElement>('#chart')
  const plot = find('#plot')
  const range = find<HTMLSelectElement>('#range')
  const pause = find<HTMLButtonElement>('#pause')
  const add = find<HTMLInputElement>('#add')
  let chosen: Topic[] = []
  let paused = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let drawn: uPlot | null = null

  function later(): void {
    if (!dialog.open || paused) return
    timer ??= setTimeout(() => {
      timer = undefined
      if (!paused) void draw()
    }, REFRESH_MS)
  }

  async function draw(): Promise<void> {
    showMessages()
    const lines = linesOf(chosen, sinceOf(range.value))
    plot.hidden = lines.length === 0
    if (lines.length === 0) return
    const UPlot = await loadUPlot()
    const data = UPlot.join(lines.map(({ points }) => points as uPlot.AlignedData))
    const labels = lines.map(({ label }) => label)
    const same =
      drawn?.series.length === labels.length + 1 &&
      drawn.series.slice(1).every(({ label }, n) => label === labels[n])
    if (drawn && same) {
      drawn.setData(data)
      return
    }
    drawn?.destroy()
    const edge = { stroke: colorOf(plot, '--edge'), width: 1 }
    const axis = { stroke: colorOf(plot, '--soft'), grid: edge, ticks: edge }
    const series = labels.map((label, n) => ({
      label,
      stroke: COLORS[n % COLORS.length] as string,
      width: 2,
      points: { size: 4 },
    }))
    const size = { width: plot.clientWidth, height: 300 }
    drawn = new UPlot(
      { ...size, axes: [axis, { ...axis, size: 64 }], series: [{}, ...series] },
      data,
      plot,
    )
  }

  function showMessages(): void {
    const rows = chosen
      .flatMap(({ messages }) => messages)
      .sort((a, b) => b.time - a.time)
      .slice(0, MOST_MESSAGES)
      .map(rowOf)
    find('#messages').replaceChildren(...rows)
  }

  function choose(next: Topic[]): void {
    chosen = next
    const [first] = chosen
    find('#chart-title').textContent =
      chosen.length === 1 && first ? first.name : `${chosen.length} topics`
    const buttons = chosen.map((topic) => {
      const button = document.createElement('button')
      button.type = 'button'
      button.textContent = `${topic.name} ✕`
      button.setAttribute('aria-label', `Take away ${topic.name}`)
      button.addEventListener('click', () => choose(chosen.filter((one) => one !== topic)))
      return button
    })
    find('#chosen').replaceChildren(...(chosen.length > 1 ? buttons : []))
    void draw()
  }

  function setPaused(next: boolean): void {
    paused = next
    pause.setAttribute('aria-pressed', String(paused))
    pause.textContent = paused ? 'Go on' : 'Pause'
    if (!paused) void draw()
  }

  pause.addEventListener('click', () => setPaused(!paused))
  range.addEventListener('change', () => void draw())
  add.addEventListener('focus', () => {
    const options = topics.matching('').slice(0, 500)
    find('#add-topics').replaceChildren(...options.map(({ name }) => new Option(name, name)))
  })
  add.addEventListener('change', () => {
    const topic = topics.get(add.value)
    if (!topic || chosen.includes(topic) || chosen.length === MOST_CHOSEN) return
    add.value = ''
    choose([...chosen, topic])
  })
  find('#chart-close').addEventListener('click', () => dialog.close())
  dialog.addEventListener('close', () => {
    clearTimeout(timer)
    timer = undefined
    drawn?.destroy()
    drawn = null
  })
  addEventListener('resize', () => drawn?.setSize({ width: plot.clientWidth, height: 300 }))

  return {
    open(topic) {
      dialog.showModal()
      setPaused(false)
      choose([topic])
    },
    touch(topic) {
      if (chosen.includes(topic)) later()
    },
    redraw: later,
  }
}

interface Line {
  readonly label: string
  readonly points: [number[], (number | null)[]]
}

function linesOf(chosen: readonly Topic[], since: number): Line[] {
  return chosen.flatMap(({ name, series }) =>
    [...series].map(([number, points]) => ({
      label: number === '' ? name : `${name} ${number}`,
      points: points.since(since),
    })),
  )
}

function sinceOf(seconds: string): number {
  return Number(seconds) === 0 ? 0 : Date.now() - Number(seconds) * 1000
}

function rowOf({ time, topic, device, payload }: Message): HTMLTableRowElement {
  const row = document.createElement('tr')
  for (const text of [new Date(time).toLocaleTimeString(), topic, device, payload.text])
    row.insertCell().textContent = text
  return row
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

function find<T extends HTMLElement>(selector: string): T {
  return document.querySelector(selector) as T
}
