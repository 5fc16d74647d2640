import { ago, durationText } from './ago.ts'
import { fillFields } from './card-fields.ts'
import type { Infos } from './infos.ts'
import { drawSparkline } from './sparkline.ts'
import type { Topic } from './topics.ts'

export interface Grid {
  /** Shows these topics, in this order. */
  show(topics: readonly Topic[]): void
  /** Something about the topic has changed. */
  touch(topic: Topic): void
  /** Cards as on a wall, to be read from afar, or as at a desk. */
  size(next: 'wall' | 'desk'): void
  /** The time has moved on. */
  tick(): void
}

interface Card {
  readonly item: HTMLLIElement
  readonly button: HTMLButtonElement
  readonly topic: HTMLElement
  readonly value: HTMLElement
  readonly canvas: HTMLCanvasElement
  readonly device: HTMLElement
  readonly mark: HTMLElement
  readonly ago: HTMLElement
  shown: Topic | null
}

/** In pixels. */
const SIZES = {
  desk: { height: 138, gap: 14, minWidth: 250 },
  wall: { height: 240, gap: 20, minWidth: 420 },
} as const
/** Rows above and below the window that are made in advance, for scrolling. */
const MARGIN_ROWS = 2
const SPARK_POINTS = 60
/** Fields that leave room for a line beside them. */
const MOST_BESIDE = 3

/** Shows a card for each topic that is in sight, and none for the others, however many there are. */
export function createGrid(
  list: HTMLUListElement,
  infos: Infos,
  open: (topic: Topic) => void,
): Grid {
  let topics: readonly Topic[] = []
  let columns = 1
  let size: (typeof SIZES)[keyof typeof SIZES] = SIZES.desk
  let width: number = size.minWidth
  const cards = new Map<Topic, Card>()
  const spare: Card[] = []
  const touched = new Set<Topic>()
  let scheduled = false

  function schedule(): void {
    if (scheduled) return
    scheduled = true
    requestAnimationFrame(() => {
      scheduled = false
      layOut()
      fillTouched()
    })
  }

  function fillTouched(): void {
    for (const topic of touched) {
      const card = cards.get(topic)
      if (card) fill(card, topic, infos)
    }
    touched.clear()
  }

  function layOut(): void {
    const { height, gap, minWidth } = size
    const total = list.clientWidth
    columns = Math.max(1, Math.floor((total + gap) / (minWidth + gap)))
    width = (total - gap * (columns - 1)) / columns
    const rows = Math.ceil(topics.length / columns)
    list.style.height = `${Math.max(0, rows * (height + gap) - gap)}px`
    const top = -list.getBoundingClientRect().top
    const first = Math.max(0, Math.floor(top / (height + gap)) - MARGIN_ROWS) * columns
    const last = (Math.ceil((top + innerHeight) / (height + gap)) + MARGIN_ROWS) * columns
    const visible = topics.slice(first, Math.max(first, last))
    const wanted = new Set(visible)
    for (const [topic, card] of cards) {
      // a card that has the focus stays
      if (wanted.has(topic) || card.item.contains(document.activeElement)) continue
      cards.delete(topic)
      card.item.remove()
      spare.push(card)
    }
    for (const [offset, topic] of visible.entries()) place(topic, first + offset)
    inOrder(visible.flatMap((topic) => cards.get(topic)?.item ?? []))
  }

  /** Puts the cards into the order of the screen, for the Tab key and screen readers. */
  function inOrder(items: readonly HTMLLIElement[]): void {
    const isOrdered = items.every(
      (item, index) => index === 0 || items[index - 1]?.nextElementSibling === item,
    )
    if (isOrdered) return
    // an element loses the focus when it is moved, so the others are moved around it
    const focused = items.findIndex((item) => item.contains(document.activeElement))
    for (const item of items.slice(0, Math.max(0, focused)))
      list.insertBefore(item, items[focused] ?? null)
    for (const item of items.slice(focused + 1)) list.append(item)
  }

  function place(topic: Topic, index: number): void {
    let card = cards.get(topic)
    if (!card) {
      card = spare.pop() ?? createCard(open)
      cards.set(topic, card)
      list.append(card.item)
      fill(card, topic, infos)
    }
    const { item } = card
    const { height, gap } = size
    item.style.width = `${width}px`
    item.style.height = `${height}px`
    const [x, y] = [(index % columns) * (width + gap), Math.floor(index / columns) * (height + gap)]
    item.style.transform = `translate(${x}px, ${y}px)`
    item.setAttribute('aria-setsize', String(topics.length))
    item.setAttribute('aria-posinset', String(index + 1))
  }

  list.addEventListener('keydown', (event) => {
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns } as const
    const step = steps[event.key as keyof typeof steps] ?? 0
    const from = topics.findIndex((topic) => cards.get(topic)?.button === document.activeElement)
    const to = topics[from + step]
    if (step === 0 || from === -1 || !to) return
    event.preventDefault()
    const row = Math.floor((from + step) / columns)
    const top = list.getBoundingClientRect().top + row * (size.height + size.gap)
    if (top < 0 || top + size.height > innerHeight) scrollBy(0, top - innerHeight / 2)
    layOut()
    cards.get(to)?.button.focus({ preventScroll: true })
  })
  addEventListener('scroll', schedule, { passive: true })
  new ResizeObserver(() => {
    for (const topic of cards.keys()) touched.add(topic)
    schedule()
  }).observe(list)

  return {
    show(next) {
      topics = next
      // at once, so that the number of topics that the page shows is never wrong
      layOut()
      fillTouched()
    },
    size(next) {
      size = SIZES[next]
      for (const topic of cards.keys()) touched.add(topic)
      schedule()
    },
    touch(topic) {
      touched.add(topic)
      schedule()
    },
    tick() {
      const now = Date.now()
      for (const [topic, card] of cards) showAge(card, topic, infos, now)
    },
  }
}

function createCard(open: (topic: Topic) => void): Card {
  const item = document.createElement('li')
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'card'
  const part = <T extends keyof HTMLElementTagNameMap>(tag: T, name: string, parent: Element) => {
    const element = document.createElement(tag)
    element.className = name
    parent.append(element)
    return element
  }
  const topicLine = part('span', 'topic', button)
  const middle = part('span', 'middle', button)
  const foot = part('span', 'foot', button)
  const card: Card = {
    item,
    button,
    topic: part('bdi', '', topicLine),
    value: part('span', 'value', middle),
    canvas: part('canvas', '', middle),
    device: part('span', 'device', foot),
    mark: part('span', 'mark', foot),
    ago: part('span', 'ago', foot),
    shown: null,
  }
  card.canvas.setAttribute('aria-hidden', 'true')
  button.addEventListener('click', () => {
    if (card.shown) open(card.shown)
  })
  item.append(button)
  return card
}

function fill(card: Card, topic: Topic, infos: Infos): void {
  const { payload, device } = topic.latest
  const { name } = topic
  card.shown = topic
  setText(card.topic, infos.titleOf(name))
  card.button.title = name
  const hasFields = payload.kind === 'json' && !payload.values.has('') && payload.values.size > 0
  card.value.dataset.kind = hasFields ? 'fields' : payload.kind
  const withUnit = (field: string, text: string) => infos.withUnit(name, field, text)
  const text = payload.kind === 'number' ? withUnit('', payload.text) : payload.text
  if (hasFields) fillFields(card.value, payload.values, payload.leftOut, withUnit)
  else setText(card.value, text)
  card.value.style.setProperty('--digits', String(text.length))
  const marks = [...payload.values].map(([field, { number }]) =>
    number === null ? '' : infos.beyond(name, field, number),
  )
  setText(card.mark, marks.find((mark) => mark !== '') ?? '')
  setText(card.device, device)
  showAge(card, topic, infos, Date.now())
  const [series] = topic.series.values()
  card.canvas.hidden = series === undefined || (hasFields && payload.values.size > MOST_BESIDE)
  if (series) drawSparkline(card.canvas, series.last(SPARK_POINTS))
}

function showAge(card: Card, topic: Topic, infos: Infos, now: number): void {
  const isSilent = infos.isSilent(topic, now)
  const heard = topic.messages.at(-1)?.received ?? topic.latest.received
  card.item.dataset.silent = String(isSilent)
  setText(
    card.ago,
    isSilent ? `silent for ${durationText(now - heard)}` : ago(topic.latest.time, now),
  )
}

/** Never as HTML: topics and payloads come from strangers. */
function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
