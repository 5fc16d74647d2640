/** One command of `wott-gateway`. */
export interface CliCommand {
  /** What `wott-gateway COMMAND --help` prints. */
  readonly help: string
  /** Whether it continues when nobody reads its output any more, as a service does. */
  readonly outlivesReader?: boolean
  /** Resolves when the command is done; a number is the exit code. */
  run(args: readonly string[]): Promise<number | undefined>
}

/** A request that could not be fulfilled: printed without a stack trace, exit code 1. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Writes a message for the user to standard error, so that programs can read standard output. */
export function say(text: string): void {
  // an indented line continues the line before
  process.stderr.write(`${text.startsWith(' ') ? '' : 'wott-gateway: '}${text}\n`)
}
