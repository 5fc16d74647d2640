import { find } from './find.ts'
import type { Infos } from './infos.ts'
import type { Topic, Topics } from './topics.ts'

/** The topics in a chart: its title, a button to take each of them away, and a field to add one. */
export interface ChosenTopics {
  all(): readonly Topic[]
  set(next: readonly Topic[]): void
  /** The names of topics have changed. */
  redraw(): void
}

export interface ChosenOptions {
  readonly topics: Topics
  readonly infos: Infos
  readonly most: number
  /** Called with the topics that are left when somebody takes one away. */
  onTake(left: readonly Topic[]): void
  /** Called with a topic that somebody adds. */
  onAdd(topic: Topic): void
}

const MOST_OFFERED = 500

export function createChosenTopics({
  topics,
  infos,
  most,
  onTake,
  onAdd,
}: ChosenOptions): ChosenTopics {
  const add = find<HTMLInputElement>('#add')
  let chosen: readonly Topic[] = []

  function redraw(): void {
    const [first] = chosen
    find('#chart-title').textContent =
      chosen.length === 1 && first ? infos.titleOf(first.name) : `${chosen.length} topics`
    find('#chosen').replaceChildren(...(chosen.length > 1 ? chosen.map(toButton) : []))
  }

  function toButton(topic: Topic): HTMLButtonElement {
    const button = document.createElement('button')
    button.type = 'button'
    const title = infos.titleOf(topic.name)
    button.textContent = `${title} ✕`
    button.setAttribute('aria-label', `Take away ${title}`)
    button.addEventListener('click', () => onTake(chosen.filter((one) => one !== topic)))
    return button
  }

  add.addEventListener('focus', () => {
    const options = topics.matching('').slice(0, MOST_OFFERED)
    find('#add-topics').replaceChildren(...options.map(({ name }) => new Option(name, name)))
  })
  add.addEventListener('change', () => {
    const topic = topics.get(add.value)
    if (!topic || chosen.includes(topic) || chosen.length === most) return
    add.value = ''
    onAdd(topic)
  })

  return {
    all: () => chosen,
    set(next) {
      chosen = next
      redraw()
    },
    redraw,
  }
}
