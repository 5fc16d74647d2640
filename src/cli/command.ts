import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { codeOf, messageOf, UsageError } from '../errors.ts'

/** One command of `wott-gateway`. */
export interface Command {
  /** What `wott-gateway COMMAND --help` prints. */
  readonly help: string
  /** Resolves when the command is done; with a number, that is the exit code. */
  run(args: string[]): Promise<number | undefined>
}

/** Reads the words of a command. Throws a UsageError for options that it does not have. */
export function readArguments<const O extends ParseArgsOptionsConfig>(args: string[], options: O) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (error) {
    if (!codeOf(error)?.startsWith('ERR_PARSE_ARGS_')) throw error
    // Node goes on to explain how to pass words that begin with a dash
    throw new UsageError(`${messageOf(error).split('. ')[0]}; --help lists what there is`)
  }
}

/** Throws a UsageError unless there are between `least` and `most` words besides the options. */
export function requireWords(
  words: readonly string[],
  least: number,
  most: number,
  usage: string,
): void {
  if (words.length < least || words.length > most) throw new UsageError(`usage: ${usage}`)
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
