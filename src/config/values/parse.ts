/** Turns the text of a setting into its value; throws an Error that says what would be right. */
export interface Parse<T> {
  (text: string): T
  /** What stands for the value in `--help`. */
  readonly form: string
  /** What the value may be, to be read after "must be". */
  readonly allowed: string
  /** The smallest and the largest number that it may be, as their texts. */
  readonly least?: string
  readonly most?: string
}

/** `read` gives undefined for what is not `allowed`, or throws where it has more to say. */
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

/** What another setting takes, or `off`, which is null. */
export function orOff<T>(other: Parse<T>): Parse<T | null> {
  return parse(other.form, `${other.allowed}, or off`, (said) =>
    said === 'off' ? null : other(said),
  )
}
