/** What a client wants to do with a topic. */
export type Action = 'publish' | 'receive'
/** The word between `topic` or `pattern` and the filter; `readwrite` where there is none. */
export type Right = 'read' | 'write' | 'readwrite' | 'deny'

/** One `topic` or `pattern` line, as its place in the file: offsets are in bytes. */
export interface Rule {
  readonly line: number
  readonly right: Right
  /** Where the line's text begins, without leading spaces. */
  readonly start: number
  /** Where its filter begins. */
  readonly filter: number
  /** Where filter and text end, without trailing blanks. */
  readonly end: number
}

/** Rules in the order of the file. A list of many makes a new object each time one is asked for. */
export interface Rules extends Iterable<Rule> {
  readonly length: number
  /** Undefined beyond the last. */
  at(index: number): Rule | undefined
}

/** Whether `right` lets `action` happen. */
export function permits(right: Right, action: Action): boolean {
  return right === 'readwrite' || right === (action === 'publish' ? 'write' : 'read')
}
