/** The element of the page that a selector names. */
export function find<T extends HTMLElement>(selector: string): T {
  return document.querySelector(selector) as T
}
