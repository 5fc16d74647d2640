/** Turns the text of a setting into its value; throws an Error that says what is allowed. */
export interface Parse<T> {
  (text: string): T
  /** The placeholder for the value in `--help`. */
  readonly form: string
  /** The allowed values, to be read after "must be". */
  readonly allowed: string
  /** The smallest and the largest allowed number, as texts. */
  readonly least?: string
  readonly most?: string
}

/** `read` returns undefined for a text that is not `allowed`, or throws an Error with more details. */
export function parse<T>(
  form: string,
  allowed: string,
  read: (text: string) => T | undefined,
  range?: { readonly least: string; readonly most: string },
): Parse<T> {
  const reading = (text: string) => {
    const value = read(text)
    if (value === undefined) throw new Error(`must be ${allowed}`)
    return value
  }
  return Object.assign(reading, { form, allowed, ...range })
}

/** The values of another parser, or `off`, which gives null. */
export function orOff<T>(other: Parse<T>): Parse<T | null> {
  return parse(other.form, `${other.allowed}, or off`, (text) =>
    text === 'off' ? null : other(text),
  )
}
