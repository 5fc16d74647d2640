import { levelsBelow } from './matching.ts'

const MOST_SHOWN = 60

/** Buttons that lead down the levels of topics, and up again. `choose` gets the filter of the one that was pressed. */
export function createLevels(element: HTMLElement, choose: (filter: string) => void) {
  let listed = ''

  function buttonOf(text: string, filter: string): HTMLButtonElement {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = text
    button.dataset.filter = filter
    button.addEventListener('click', () => {
      choose(filter)
      element.querySelector('button')?.focus()
    })
    return button
  }

  return {
    /** Shows what is below this filter. */
    show(filter: string, names: readonly string[]): void {
      const levels = levelsBelow(filter, names)
      const up = upFrom(filter)
      const texts = levels.map(({ name, count }) => `${name || '(empty)'} (${count})`)
      const key = JSON.stringify([up, texts])
      if (key === listed) return
      listed = key
      element.hidden = up.length === 0 && levels.length < 2
      const rest = levels.length - MOST_SHOWN
      const more = document.createElement('span')
      more.textContent = rest > 0 ? `and ${rest} more` : ''
      element.replaceChildren(
        ...up.map(({ name, filter }) => buttonOf(`↑ ${name}`, filter)),
        ...levels
          .slice(0, MOST_SHOWN)
          .map(({ filter }, index) => buttonOf(texts[index] as string, filter)),
        more,
      )
    },
  }
}

/** The levels above a filter that ends with `#`. */
function upFrom(filter: string): { name: string; filter: string }[] {
  const levels = filter.trim().replaceAll('"', '').split('/')
  if (levels.length < 2 || levels.at(-1) !== '#') return []
  const above = levels.slice(0, -1)
  return above.map((_, depth) => {
    const to = above.slice(0, depth).join('/')
    const text = `${to}/#`
    if (depth === 0) return { name: 'all', filter: '' }
    return { name: above[depth - 1] as string, filter: /\s/.test(text) ? `"${text}"` : text }
  })
}
