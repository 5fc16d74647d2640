import type { Values } from './json.ts'
import { nameOf } from './source.ts'

const MOST_SHOWN = 6

type WithUnit = (field: string, text: string) => string

/** Shows the values of a JSON payload, each with its name; of many, the first ones and how many more there are. */
export function fillFields(
  element: HTMLElement,
  values: Values,
  leftOut: number,
  withUnit: WithUnit,
): void {
  const total = values.size + leftOut
  const shown = [...values].slice(0, total > MOST_SHOWN ? MOST_SHOWN - 1 : MOST_SHOWN)
  const texts = shown.map(
    ([path, { text, number }]) =>
      [nameOf(path), number === null ? text : withUnit(path, text)] as const,
  )
  if (total > shown.length) texts.push([`+ ${total - shown.length} more`, ''])
  // the card may have shown a text before
  if (element.firstElementChild === null) element.textContent = ''
  while (element.childElementCount > texts.length) element.lastElementChild?.remove()
  for (const [index, [name, text]] of texts.entries()) {
    const field = element.children[index] ?? createField(element)
    setText(field.children[0] as Element, name)
    setText(field.children[1] as Element, text)
  }
}

function createField(parent: HTMLElement): Element {
  const field = document.createElement('span')
  field.className = 'field'
  field.append(document.createElement('span'), document.createElement('b'))
  parent.append(field)
  return field
}

function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}
