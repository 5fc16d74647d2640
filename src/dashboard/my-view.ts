import { find } from './find.ts'
import { storeView } from './session.ts'

/** What a viewer sees who opens the page without a query: the gateway keeps it, so it is the same on a phone. */
export interface MyView {
  /** Takes what the gateway has stored; null where it stores no views for this kind of viewer. */
  known(query: string | null): void
  /** Empty for everything. */
  query(): string
  /** The page shows something else. */
  moved(): void
}

export interface Showing {
  /** The query of what is shown, without its "?"; empty for everything. */
  current(): string
  show(query: string): void
}

/** The page and the chart each have the button, and a place beside it for the result. */
const PLACES = [
  { button: '#keep', note: '#kept' },
  { button: '#chart-keep', note: '#chart-kept' },
] as const

/** The buttons that store, show and forget the view. */
export function createMyView({ current, show }: Showing): MyView {
  let mine: string | null = null

  const isMine = () => current() === '' || current() === mine

  function draw(): void {
    for (const { button } of PLACES) {
      find(button).hidden = mine === null || (current() === '' && mine === '')
      // a wall shows the button only while there is something to store
      find(button).dataset.forgets = String(isMine())
      find(button).textContent = isMine() ? 'Forget my view' : 'Make this my view'
    }
    find('#mine').hidden = mine === null || mine === '' || current() === mine
    find('#everything').hidden = current() === ''
  }

  function say(text: string): void {
    for (const { note } of PLACES) find(note).textContent = text
  }

  async function keep(): Promise<void> {
    const next = isMine() ? '' : current()
    const failure = await storeView(next)
    if (failure) {
      say(failure.message)
      return
    }
    mine = next
    draw()
    say(
      next === ''
        ? 'Forgotten: you see everything when you open the dashboard.'
        : 'Stored: you see this when you open the dashboard, on your other devices too.',
    )
  }

  /** A button that is hidden would lose the focus. */
  async function press(act: () => unknown): Promise<void> {
    const before = document.activeElement as HTMLElement | null
    await act()
    if (before?.checkVisibility() === false) find('#filter').focus()
  }

  for (const { button } of PLACES) find(button).addEventListener('click', () => void press(keep))
  find('#mine').addEventListener('click', () => void press(() => show(mine ?? '')))
  find('#everything').addEventListener('click', () => void press(() => show('')))

  return {
    known(query) {
      mine = query
      draw()
    },
    query: () => mine ?? '',
    moved() {
      say('')
      draw()
    },
  }
}
