const KEY = 'theme'

/** Light or dark as the system is, until the button is pressed. `changed` is called when the colors change. */
export function chooseTheme(button: HTMLElement, changed: () => void): void {
  const root = document.documentElement
  const isDark = matchMedia('(prefers-color-scheme: dark)')
  const saved = localStorage.getItem(KEY)
  if (saved) root.dataset.theme = saved
  button.addEventListener('click', () => {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : isDark.matches
    root.dataset.theme = dark ? 'light' : 'dark'
    localStorage.setItem(KEY, root.dataset.theme)
    changed()
  })
  isDark.addEventListener('change', changed)
}
