/** One position in a pattern: the characters that it accepts, and the states that follow. */
export type State =
  | {
      readonly kind: 'one'
      readonly accepts: (character: string) => boolean
      readonly next: number
    }
  | { readonly kind: 'split'; readonly next: number[] }
  | { readonly kind: 'start' | 'end'; readonly next: number }

export const THE_END = -1

/** Limits the time: each character of a text is compared with every state, and a repetition like {1,64} is written out. */
const MOST_STATES = 600

/** A part of the pattern: adds its states in front of `next`, and returns the first. */
type Fragment = (next: number) => number

const CLASS = /^\[(?:\\.|[^\]\\])*\]/su
const ESCAPE =
  /^\\(?:u\{[\da-f]+\}|ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}|u[\da-f]{4}|x[\da-f]{2}|c[a-z]|p\{[^}]*\}|.)/isu
const REPETITION = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/

/** The states of a pattern that JavaScript accepts. Throws an Error for constructs that states cannot express. */
export function readPattern(source: string): { readonly states: State[]; readonly start: number } {
  const states: State[] = []
  let at = 0
  let copies = 0

  function choice(): Fragment {
    const branches = [sequence()]
    while (take('|')) branches.push(sequence())
    if (branches.length === 1) return branches[0] as Fragment
    return (next) => add({ kind: 'split', next: branches.map((branch) => branch(next)) })
  }

  function sequence(): Fragment {
    const parts: Fragment[] = []
    while (at < source.length && source[at] !== '|' && source[at] !== ')')
      parts.push(repeated(atom()))
    return (next) => parts.reduceRight((after, part) => part(after), next)
  }

  function atom(): Fragment {
    if (take('^')) return (next) => add({ kind: 'start', next })
    if (take('$')) return (next) => add({ kind: 'end', next })
    if (take('(')) return group()
    const one = new RegExp(`^${character()}$`, 'u')
    const accepts = (text: string) => one.test(text)
    return (next) => add({ kind: 'one', accepts, next })
  }

  function group(): Fragment {
    const rest = source.slice(at)
    const [opening = ''] = /^\?(?:<[=!]|<[^>]*>|.)/su.exec(rest) ?? []
    if (/^\?<?[=!]/.test(opening)) throw unsupported(`(${opening}`, 'looks ahead or behind')
    if (opening !== '' && opening !== '?:' && !opening.startsWith('?<'))
      throw unsupported(`(${opening}`, 'has flags of its own')
    at += opening.length
    const inside = choice()
    at += 1 // the closing parenthesis, which JavaScript has seen
    return inside
  }

  /** The source text of an element that matches one character. */
  function character(): string {
    const rest = source.slice(at)
    const [text] = CLASS.exec(rest) ?? ESCAPE.exec(rest) ?? (/^./su.exec(rest) as RegExpExecArray)
    if (/^\\[1-9k]/.test(text)) throw unsupported(text, 'refers to a group')
    if (/^\\b$/i.test(text)) throw unsupported(text, 'looks at the characters around it')
    at += text.length
    return text
  }

  function repeated(part: Fragment): Fragment {
    const [text, , from, comma, to] = REPETITION.exec(source.slice(at)) ?? []
    if (text === undefined) return part
    at += text.length
    const least = text[0] === '+' ? 1 : Number(from ?? 0)
    const most =
      text[0] === '?' ? 1 : from === undefined || (comma && !to) ? Infinity : Number(to || from)
    return most === Infinity
      ? (next) => copied(part, least, loop(part, next))
      : (next) => copied(part, least, optional(part, most - least, next))
  }

  function loop(part: Fragment, next: number): number {
    const ways = [next]
    const start = add({ kind: 'split', next: ways })
    ways.push(part(start))
    return start
  }

  function optional(part: Fragment, times: number, next: number): number {
    let after = next
    for (let count = 0; count < times; count += 1)
      after = add({ kind: 'split', next: [next, part(after)] })
    return after
  }

  function copied(part: Fragment, times: number, next: number): number {
    let after = next
    for (let count = 0; count < times; count += 1) {
      // counts copies rather than states, because a part may have no state: (){1000000}
      copies += 1
      if (copies > MOST_STATES) throw tooLarge()
      after = part(after)
    }
    return after
  }

  function take(text: string): boolean {
    if (source[at] !== text) return false
    at += 1
    return true
  }

  function add(state: State): number {
    if (states.length === MOST_STATES) throw tooLarge()
    return states.push(state) - 1
  }

  const whole = choice()
  return { start: whole(THE_END), states }
}

function tooLarge(): Error {
  return new Error(
    'is too large when its repetitions are written out: use fewer or smaller repetitions',
  )
}

function unsupported(what: string, why: string): Error {
  return new Error(
    `must not contain ${what}, which ${why}: use only characters, [classes], (groups), | and * + ? {n,m}`,
  )
}
