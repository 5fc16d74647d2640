/** An error code in words. */
export interface Described {
  /** What happened, to be read after the code. */
  readonly means: string
  /** What mends it. */
  readonly remedy: string
  /** A `detail` as the gateway writes it. */
  readonly detail: string
  /** Whether the same helps later, after as many seconds as the answer says. */
  readonly later?: true
}
