import type { Infos } from './infos.ts'
import { createLines } from './lines.ts'
import { createPlot } from './plot.ts'
import type { Message, Topic, Topics } from './topics.ts'

export interface Chart {
  open(topic: Topic): void
  /** The topic has a new message. */
  touch(topic: Topic): void
  /** Messages may be missing here, or be there again. */
  reload(): void
  /** The colors have changed. */
  redraw(): void
}

const MOST_CHOSEN = 8
const MOST_MESSAGES = 200
const REFRESH_MS = 250

/** A dialog with the lines of some topics, and their messages. */
export function createChart(topics: Topics, infos: Infos): Chart {
  const dialog = find<HTMLDialogElement>('#chart')
  const element = find('#plot')
  const plot = createPlot(element)
  const note = find('#chart-note')
  const range = find<HTMLSelectElement>('#range')
  const pause = find<HTMLButtonElement>('#pause')
  const add = find<HTMLInputElement>('#add')
  let chosen: Topic[] = []
  let paused = false
  let timer: ReturnType<typeof setTimeout> | undefined
  const lines = createLines(() => {
    if (dialog.open) void draw()
  }, infos.labelOf)

  function later(): void {
    if (!dialog.open || paused) return
    timer ??= setTimeout(() => {
      timer = undefined
      if (paused) return
      lines.renew()
      void draw()
    }, REFRESH_MS)
  }

  async function draw(): Promise<void> {
    showMessages()
    const shown = lines.of(chosen)
    const { kind, sentences } = lines.state()
    const isEmpty = shown.length === 0
    note.dataset.state = kind
    const nothing = isEmpty && kind === 'ready' ? ['No numbers in this time.'] : []
    const text = [...nothing, ...sentences].join(' ')
    if (note.textContent !== text) note.textContent = text
    element.hidden = isEmpty
    if (isEmpty) plot.clear()
    else await plot.draw(shown, lines.since() / 1000, Date.now() / 1000)
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
    lines.load(chosen, Number(range.value))
  }

  function setPaused(next: boolean): void {
    paused = next
    pause.setAttribute('aria-pressed', String(paused))
    pause.textContent = paused ? 'Go on' : 'Pause'
    if (!paused) void draw()
  }

  pause.addEventListener('click', () => setPaused(!paused))
  range.addEventListener('change', () => lines.load(chosen, Number(range.value)))
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
    lines.stop()
    plot.clear()
  })

  return {
    open(topic) {
      dialog.showModal()
      choose([topic])
      setPaused(false)
    },
    touch(topic) {
      if (chosen.includes(topic)) later()
    },
    reload() {
      if (dialog.open) lines.reload()
    },
    redraw() {
      plot.clear()
      if (dialog.open) void draw()
    },
  }
}

function rowOf({ time, topic, device, payload }: Message): HTMLTableRowElement {
  const row = document.createElement('tr')
  for (const text of [new Date(time).toLocaleTimeString(), topic, device, payload.text])
    row.insertCell().textContent = text
  return row
}

function find<T extends HTMLElement>(selector: string): T {
  return document.querySelector(selector) as T
}
