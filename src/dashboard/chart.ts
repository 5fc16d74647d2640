import type { ChartView } from './address.ts'
import { createChosenTopics } from './chosen-topics.ts'
import { find } from './find.ts'
import type { Infos } from './infos.ts'
import { createLines, type LinesState } from './lines.ts'
import { createMessages } from './messages.ts'
import { csvUrl } from './past.ts'
import { createPicker } from './picker.ts'
import { createPlot, NO_EDGES } from './plot.ts'
import { keyOf } from './source.ts'
import { marked, type Span } from './span.ts'
import { createSpanControls } from './span-controls.ts'
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
    onMark: (from, to) => showSpan(marked(from, to)),
    onReset: () => showSpan(controls.lastOffered()),
  })
  const pause = find<HTMLButtonElement>('#pause')
  const messages = createMessages(find('#messages'))
  const picker = createPicker(find('#fields'), infos.labelOf, () => {
    load()
    moved()
  })
  const lines = createLines(() => {
    if (dialog.open) void draw()
  }, infos.labelOf)
  const controls = createSpanControls(lines.shown, showSpan)
  const chosen = createChosenTopics({
    topics,
    infos,
    most: MOST_TOPICS,
    onTake: (left) => choose(left),
    onAdd(topic) {
      const before = picker.chosen()
      const field = [...topic.fields][0] ?? ''
      choose([...chosen.all(), topic], before && [...before, { topic, field }].map(toField))
    },
  })
  let loaded = ''
  let remark = ''
  let paused = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let wait = REFRESH_MS

  function refreshLater(): void {
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
    lines.load(sources, controls.span())
  }

  async function draw(): Promise<void> {
    messages.show(chosen.all())
    const [shown, rows] = [lines.lines(), lines.rows()]
    const isEmpty = shown.length === 0
    const time = lines.shown()
    find<HTMLAnchorElement>('#csv').href = csvUrl(
      chosen.all().map(({ name }) => name),
      time,
    )
    drawSummaries(find('#summaries'), shown)
    element.hidden = isEmpty
    if (isEmpty) plot.clear()
    const edges = isEmpty ? NO_EDGES : await plot.draw(shown, time)
    drawTimeline(find('#timeline'), rows, time, edges)
    showState(lines.state(), remark, isEmpty && rows.length === 0)
  }

  function choose(next: readonly Topic[], fields: ChartView['fields'] = null): void {
    chosen.set(next)
    remark = ''
    const sources = fields?.flatMap(({ topic: name, field }) => {
      const topic = topics.get(name)
      return topic ? [{ topic, field }] : []
    })
    picker.begin(chosen.all(), sources ?? null)
    load()
    moved()
  }

  function showSpan(next: Span): void {
    controls.show(next)
    load()
    moved()
  }

  function setPaused(next: boolean): void {
    paused = next
    showPaused(pause, paused)
    if (!paused) void draw()
  }

  function openWith(view: ChartView): void {
    const known = view.topics.flatMap((name) => topics.get(name) ?? []).slice(0, MOST_TOPICS)
    if (!dialog.open) dialog.showModal()
    controls.show(view.span)
    choose(known, view.fields)
    setPaused(false)
  }

  pause.addEventListener('click', () => setPaused(!paused))
  find('#chart-close').addEventListener('click', () => dialog.close())
  dialog.addEventListener('close', () => {
    clearTimeout(timer)
    timer = undefined
    lines.stop()
    plot.clear()
    moved()
  })

  return {
    open: ({ name }) => openWith({ topics: [name], fields: null, span: controls.lastOffered() }),
    restore: openWith,
    remark(text) {
      remark = text
      if (dialog.open) void draw()
    },
    close: () => dialog.close(),
    view: () =>
      dialog.open
        ? {
            topics: chosen.all().map(({ name }) => name),
            fields: picker.chosen()?.map(toField) ?? null,
            span: controls.span(),
          }
        : null,
    touch(topic) {
      if (chosen.all().includes(topic)) refreshLater()
    },
    reload() {
      if (dialog.open) lines.reload()
    },
    redraw() {
      plot.clear()
      if (!dialog.open) return
      chosen.redraw()
      picker.redraw()
      void draw()
    },
  }
}

function toField({ topic, field }: { topic: Topic; field: string }) {
  return { topic: topic.name, field }
}

/** Shows below the chart whether its lines are loaded. */
function showState(
  { kind, progress, sentences }: LinesState,
  remark: string,
  isEmpty: boolean,
): void {
  const note = find('#chart-note')
  note.dataset.state = kind
  const nothing = isEmpty && kind === 'ready' ? 'No numbers in this time.' : ''
  const text = [remark, nothing, ...sentences].filter((sentence) => sentence !== '').join(' ')
  if (note.textContent !== text) note.textContent = text
  const bar = find<HTMLProgressElement>('#chart-progress')
  bar.hidden = kind !== 'loading'
  bar.value = progress
}

function showPaused(pause: HTMLButtonElement, isPaused: boolean): void {
  pause.setAttribute('aria-pressed', String(isPaused))
  pause.textContent = isPaused ? 'Go on' : 'Pause'
}
