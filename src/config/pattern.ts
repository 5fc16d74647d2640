import { readPattern, type State, THE_END } from './pattern-states.ts'

/** A regular expression that is matched in linear time, as RE2 does. */
// a class, so that two of the same source are equal: settings are compared
export class Pattern {
  readonly source: string
  readonly #states: readonly State[]
  readonly #start: number

  /**
   * Reads a pattern in JavaScript's syntax (with `u`) for whole texts. Throws an Error for constructs that need backtracking
   * (back references, lookahead and lookbehind): `^(a+)+$` could otherwise block the process for seconds (ReDoS).
   */
  constructor(source: string) {
    // throws JavaScript's own error for an invalid pattern
    new RegExp(source, 'u')
    const { states, start } = readPattern(source)
    this.source = source
    this.#states = states
    this.#start = start
  }

  /** Whether the whole of `text` matches. */
  test(text: string): boolean {
    return matches(this.#states, this.#start, text)
  }
}

/** Thompson's algorithm: keeps the set of all states that are possible after each character. */
function matches(states: readonly State[], start: number, text: string): boolean {
  const characters = [...text]
  let reached = reach(states, [start], true, characters.length === 0)
  for (const [index, character] of characters.entries()) {
    const next: number[] = []
    for (const place of reached) {
      const state = states[place]
      if (state?.kind === 'one' && state.accepts(character)) next.push(state.next)
    }
    if (next.length === 0) return false
    reached = reach(states, next, false, index === characters.length - 1)
  }
  return reached.has(THE_END)
}

/** Adds the states that can be reached without a character. */
function reach(
  states: readonly State[],
  from: readonly number[],
  atStart: boolean,
  atEnd: boolean,
): Set<number> {
  const reached = new Set<number>()
  const waiting = [...from]
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (reached.has(place)) continue
    reached.add(place)
    const state = states[place]
    if (state?.kind === 'split') waiting.push(...state.next)
    else if ((state?.kind === 'start' && atStart) || (state?.kind === 'end' && atEnd))
      waiting.push(state.next)
  }
  return reached
}
