/** One command of `wott-gateway`. */
export interface CliCommand {
  /** What `wott-gateway COMMAND --help` prints. */
  readonly help: string
  /** Whether it goes on when nobody reads its output any more, as a service does. */
  readonly outlivesReader?: boolean
  /** Resolves when the command is done; with a number, that is the exit code. */
  run(args: readonly string[]): Promise<number | undefined>
}

/** What the command line asked for and could not be had: printed as it is, without a stack, exit code 1. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** For the person at the keyboard, not for the program that reads standard output. */
export function say(text: string): void {
  // what is indented goes on with the line before
  process.stderr.write(`${text.startsWith(' ') ? '' : 'wott-gateway: '}${text}\n`)
}
