import { isNumber, keyOf, type LabelOf, type Source } from './source.ts'
import type { Topic } from './topics.ts'

/** Which fields of some topics are shown. */
export interface Picker {
  /** These topics are in the chart; `fields` are those that were chosen before, null for the first ones. */
  begin(topics: readonly Topic[], fields: readonly Source[] | null): void
  /** What is shown now; the topics may have got new fields. */
  sources(): Source[]
  /** What somebody chose; null where nobody did. */
  chosen(): Source[] | null
  /** Lists the fields again: their names may have changed. */
  redraw(): void
}

/** Fields that are shown before anybody chooses. */
const FIRST = 8
const MOST_LINES = 16
/** With more fields than this there is a search. */
const FEW = 12

/** A list of boxes below a summary that says how many there are. `changed` is called when somebody chooses. */
export function createPicker(
  element: HTMLDetailsElement,
  labelOf: LabelOf,
  changed: () => void,
): Picker {
  const summary = element.querySelector('summary') as HTMLElement
  const search = element.querySelector('input') as HTMLInputElement
  const list = element.querySelector('ul') as HTMLUListElement
  let topics: readonly Topic[] = []
  let picked: Map<string, Source> | null = null
  let listed = ''

  const textOf = ({ topic, field }: Source) => labelOf(topic.name, field)
  const all = (): Source[] =>
    topics.flatMap((topic) =>
      topic.fields.size === 0
        ? [{ topic, field: '' }]
        : [...topic.fields].map((field) => ({ topic, field })),
    )

  function sources(): Source[] {
    const known = all()
    const shown = picked ? [...picked.values()] : firstOf(known)
    show(known, new Set(shown.map(keyOf)))
    return shown
  }

  function show(known: readonly Source[], shown: ReadonlySet<string>): void {
    element.hidden = known.length < 2
    const more = topics.some(({ hasMoreFields }) => hasMoreFields)
      ? ' (payloads have more fields than this page keeps)'
      : ''
    const text = `Fields: ${shown.size} of ${known.length} shown${more}`
    if (summary.textContent !== text) summary.textContent = text
    search.hidden = known.length <= FEW
    const wanted = search.value.trim().toLowerCase()
    const matching = known.filter((source) => textOf(source).toLowerCase().includes(wanted))
    const keys = JSON.stringify([matching.map(keyOf), matching.map(textOf), [...shown]])
    // keeps the boxes, and with them the focus
    if (keys === listed) return
    listed = keys
    list.replaceChildren(...matching.map((source) => boxOf(source, shown)))
  }

  function boxOf(source: Source, shown: ReadonlySet<string>): HTMLLIElement {
    const item = document.createElement('li')
    const label = document.createElement('label')
    const box = document.createElement('input')
    box.type = 'checkbox'
    box.checked = shown.has(keyOf(source))
    box.disabled = !box.checked && shown.size >= MOST_LINES
    box.addEventListener('change', () => {
      picked ??= new Map(firstOf(all()).map((one) => [keyOf(one), one]))
      if (box.checked) picked.set(keyOf(source), source)
      else picked.delete(keyOf(source))
      const index = [...list.children].indexOf(item)
      changed()
      list.children[index]?.querySelector('input')?.focus()
    })
    label.append(box, ` ${textOf(source)}`)
    item.append(label)
    return item
  }

  search.addEventListener('input', () => sources())

  return {
    begin(next, fields) {
      topics = next
      picked = fields && new Map(fields.map((source) => [keyOf(source), source]))
      search.value = ''
      listed = ''
    },
    sources,
    chosen: () => picked && [...picked.values()],
    redraw: () => void sources(),
  }
}

/** The first fields to show: numbers before texts, and as many of each topic as of the others. */
function firstOf(known: readonly Source[]): Source[] {
  const turns = new Map<string, number>()
  const turnOf = (topic: Topic, isFirst: boolean) => {
    const key = `${isFirst}\0${topic.name}`
    const turn = turns.get(key) ?? 0
    turns.set(key, turn + 1)
    return turn
  }
  const ranked = known.map((source, index) => {
    const isFirst = isNumber(source)
    return { source, index, isFirst, turn: turnOf(source.topic, isFirst) }
  })
  const first = ranked
    .sort((a, b) => Number(b.isFirst) - Number(a.isFirst) || a.turn - b.turn || a.index - b.index)
    .slice(0, FIRST)
  return first.sort((a, b) => a.index - b.index).map(({ source }) => source)
}
