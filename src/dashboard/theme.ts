const KEY = 'theme'

/** Light or dark as the system has it, until the button says otherwise. */
export function chooseTheme(button: HTMLElement, changed: () => void): void {
  const root = document.documentElement
  const saved = localStorage.getItem(KEY)
  if (saved) root.dataset.theme = saved
  button.addEventListener('click', () => {
    const dark = root.dataset.theme
      ? root.dataset.theme === 'dark'
      : matchMedia('(prefers-color-scheme: dark)').matches
    root.dataset.theme = dark ? 'light' : 'dark'
    localStorage.setItem(KEY, root.dataset.theme)
    changed()
  })
}
