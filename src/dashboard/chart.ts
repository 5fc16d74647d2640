import type { ChartView } from './address.ts'
import { find } from './find.ts'
import type { Infos } from './infos.ts'
import { createLines } from './lines.ts'
import { createMessages } from './messages.ts'
import { csvUrl } from './past.ts'
import { createPicker } from './picker.ts'
import { createPlot, NO_EDGES } from './plot.ts'
import { keyOf } from './source.ts'
import { type Fixed, marked, panned, type Span, zoomed } from './span.ts'
import { drawSummaries } from './summary-table.ts'
import { drawTimeline } from './timeline.ts'
import type { Topic, Topics } from './topics.ts'

export interface Chart {
  open(topic: Topic): void
  /** Opens the chart that an address describes, with those of its topics that are known. */
  restore(view: ChartView): void
  /** Shows a sentence below the chart, until other topics are chosen or it is closed. */
  remark(text: string): void
  close(): void
  /** What an address needs to open the same chart; null while it is closed. */
  view(): ChartView | null
  /** The topic has a new message. */
  touch(topic: Topic): void
  /** Messages may have been missed: reads the log again. */
  reload(): void
  /** The colors, or the names of topics, have changed. */
  redraw(): void
}

const MOST_TOPICS = 8
const REFRESH_MS = 250
/** Drawing takes at most this part of the time, however much there is to draw. */
const BUSY = 0.1

/** A dialog with the lines and states of some topics, and their messages. `moved` is called when its address is another. */
export function createChart(topics: Topics, infos: Infos, moved: () => void): Chart {
  const dialog = find<HTMLDialogElement>('#chart')
  const element = find('#plot')
  const plot = createPlot(element, {
    onMark: (from, to) => look(marked(from, to)),
    onReset: () => look({ last: Number(range.dataset.last) }),
  })
  const note = find('#chart-note')
  const progress = find<HTMLProgressElement>('#chart-progress')
  const range = find<HTMLSelectElement>('#range')
  const pause = find<HTMLButtonElement>('#pause')
  const add = find<HTMLInputElement>('#add')
  const messages = createMessages(find('#messages'))
  const picker = createPicker(find('#fields'), infos.labelOf, () => {
    load()
    moved()
  })
  let chosen: Topic[] = []
  let span: Span = { last: Number(range.value) }
  let loaded = ''
  let remark = ''
  let paused = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let wait = REFRESH_MS
  const lines = createLines(() => {
    if (dialog.open) void draw()
  }, infos.labelOf)

  function later(): void {
    if (!dialog.open || paused) return
    timer ??= setTimeout(async () => {
      timer = undefined
      if (paused || !dialog.open) return
      const began = performance.now()
      if (picker.sources().map(keyOf).join('\n') !== loaded) load()
      else lines.renew()
      await draw()
      wait = Math.max(REFRESH_MS, (performance.now() - began) / BUSY)
    }, wait)
  }

  function load(): void {
    const sources = picker.sources()
    loaded = sources.map(keyOf).join('\n')
    lines.load(sources, span)
  }

  async function draw(): Promise<void> {
    messages.show(chosen)
    const [shown, rows] = [lines.lines(), lines.rows()]
    const isEmpty = shown.length === 0
    const time = lines.shown()
    find<HTMLAnchorElement>('#csv').href = csvUrl(
      chosen.map(({ name }) => name),
      time,
    )
    drawSummaries(find('#summaries'), shown)
    element.hidden = isEmpty
    if (isEmpty) plot.clear()
    const edges = isEmpty ? NO_EDGES : await plot.draw(shown, time)
    drawTimeline(find('#timeline'), rows, time, edges)
    say(isEmpty && rows.length === 0)
  }

  function say(isEmpty: boolean): void {
    const state = lines.state()
    note.dataset.state = state.kind
    const nothing = isEmpty && state.kind === 'ready'
    const text = [remark, nothing ? 'No numbers in this time.' : '', ...state.sentences]
      .filter((sentence) => sentence !== '')
      .join(' ')
    if (note.textContent !== text) note.textContent = text
    progress.hidden = state.kind !== 'loading'
    progress.value = state.progress
  }

  function showChosen(): void {
    const [first] = chosen
    find('#chart-title').textContent =
      chosen.length === 1 && first ? infos.titleOf(first.name) : `${chosen.length} topics`
    const buttons = chosen.map((topic) => {
      const button = document.createElement('button')
      button.type = 'button'
      const title = infos.titleOf(topic.name)
      button.textContent = `${title} ✕`
      button.setAttribute('aria-label', `Take away ${title}`)
      button.addEventListener('click', () => choose(chosen.filter((one) => one !== topic)))
      return button
    })
    find('#chosen').replaceChildren(...(chosen.length > 1 ? buttons : []))
  }

  function choose(next: Topic[], fields: ChartView['fields'] = null): void {
    chosen = next
    remark = ''
    showChosen()
    const sources = fields?.flatMap(({ topic: name, field }) => {
      const topic = topics.get(name)
      return topic ? [{ topic, field }] : []
    })
    picker.begin(chosen, sources ?? null)
    load()
    moved()
  }

  function look(next: Span): void {
    setSpan(next)
    load()
    moved()
  }

  function setSpan(next: Span): void {
    const isOffered =
      'from' in next || [...range.options].some(({ value }) => value === String(next.last))
    span = isOffered ? next : { last: Number(range.dataset.last) }
    const isFixed = 'from' in span
    find('#fixed').hidden = !isFixed
    if ('last' in span) range.dataset.last = String(span.last)
    range.value = 'last' in span ? String(span.last) : 'fixed'
    find('#fixed').textContent = 'from' in span ? timesOf(span) : ''
  }

  function setPaused(next: boolean): void {
    paused = next
    pause.setAttribute('aria-pressed', String(paused))
    pause.textContent = paused ? 'Go on' : 'Pause'
    if (!paused) void draw()
  }

  function openWith(view: ChartView): void {
    const known = view.topics.flatMap((name) => topics.get(name) ?? []).slice(0, MOST_TOPICS)
    if (!dialog.open) dialog.showModal()
    setSpan(view.span)
    choose(known, view.fields)
    setPaused(false)
  }

  pause.addEventListener('click', () => setPaused(!paused))
  range.addEventListener('change', () => look({ last: Number(range.value) }))
  const moves = {
    '#earlier': (shown: Fixed) => panned(shown, -0.5, Date.now()),
    '#later': (shown: Fixed) => panned(shown, 0.5, Date.now()),
    '#closer': (shown: Fixed) => zoomed(shown, 0.5),
    '#wider': (shown: Fixed) => zoomed(shown, 2),
  }
  for (const [selector, move] of Object.entries(moves))
    find(selector).addEventListener('click', () => look(move(lines.shown())))
  find('#now').addEventListener('click', () => look({ last: Number(range.dataset.last) }))
  add.addEventListener('focus', () => {
    const options = topics.matching('').slice(0, 500)
    find('#add-topics').replaceChildren(...options.map(({ name }) => new Option(name, name)))
  })
  add.addEventListener('change', () => {
    const topic = topics.get(add.value)
    if (!topic || chosen.includes(topic) || chosen.length === MOST_TOPICS) return
    add.value = ''
    const before = picker.chosen()
    choose(
      [...chosen, topic],
      before && [...before, { topic, field: [...topic.fields][0] ?? '' }].map(toField),
    )
  })
  find('#chart-close').addEventListener('click', () => dialog.close())
  dialog.addEventListener('close', () => {
    clearTimeout(timer)
    timer = undefined
    lines.stop()
    plot.clear()
    moved()
  })

  return {
    open: ({ name }) =>
      openWith({ topics: [name], fields: null, span: { last: Number(range.dataset.last) } }),
    restore: openWith,
    remark(text) {
      remark = text
      if (dialog.open) void draw()
    },
    close: () => dialog.close(),
    view: () =>
      dialog.open
        ? {
            topics: chosen.map(({ name }) => name),
            fields: picker.chosen()?.map(toField) ?? null,
            span,
          }
        : null,
    touch(topic) {
      if (chosen.includes(topic)) later()
    },
    reload() {
      if (dialog.open) lines.reload()
    },
    redraw() {
      plot.clear()
      if (!dialog.open) return
      showChosen()
      picker.redraw()
      void draw()
    },
  }
}

function toField({ topic, field }: { topic: Topic; field: string }) {
  return { topic: topic.name, field }
}

function timesOf({ from, to }: Fixed): string {
  const [start, end] = [new Date(from), new Date(to)]
  const isOneDay = start.toDateString() === end.toDateString()
  return `${start.toLocaleString()} to ${isOneDay ? end.toLocaleTimeString() : end.toLocaleString()}`
}
