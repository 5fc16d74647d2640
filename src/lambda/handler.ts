import type { Logger } from 'pino'
import { loadConfig } from '../config/load.ts'
import { messageOf } from '../errors.ts'
import { createLogger } from '../log/logger.ts'
import { readEvent } from './event.ts'
import { type GatewayFunction, openFunction } from './function.ts'
import { type Result, toResult } from './result.ts'

/** The part of Lambda's context that is read. */
export interface Context {
  getRemainingTimeInMillis(): number
}

export interface Handler extends AsyncDisposable {
  (event: unknown, context?: Context): Promise<Result>
  /** Resolves once the function is connected to its broker, or the first request has to wait for that. Rejects as the handler does. */
  ready(): Promise<void>
}

export interface HandlerOptions {
  /** The settings, as variables; by default those of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** By default standard output. */
  readonly log?: Logger
}

/** What is left of the function's time when the answer has to be there. */
const MARGIN_MS = 250
/** As long as API Gateway waits, where nobody says how much time there is. */
const LONGEST_MS = 29_000

/**
 * Makes a handler for AWS Lambda, and begins to connect to the broker. It rejects events that are not HTTP requests, and all while
 * a setting or a file is wrong, which the log says.
 */
export function createHandler(options: HandlerOptions = {}): Handler {
  let opening: Promise<Opened> | null = null

  function opened(): Promise<Opened> {
    opening ??= open(options).catch((error) => {
      // the next request tries again
      opening = null
      throw error
    })
    return opening
  }

  // heard by the first request
  opened().catch(() => {})
  async function handle(event: unknown, context?: Context): Promise<Result> {
    const { gateway, basePath } = await opened()
    const request = readEvent(event, { basePath })
    const ms = (context?.getRemainingTimeInMillis() ?? LONGEST_MS) - MARGIN_MS
    return toResult(await gateway.answer(request, ms), request.format)
  }

  return Object.assign(handle, {
    async ready() {
      const { gateway } = await opened()
      await gateway.ready()
    },
    async [Symbol.asyncDispose]() {
      const open = await opening?.catch(() => null)
      await open?.gateway[Symbol.asyncDispose]()
    },
  })
}

interface Opened {
  readonly gateway: GatewayFunction
  readonly basePath: string | undefined
}

async function open({ environment = process.env, log }: HandlerOptions): Promise<Opened> {
  try {
    const config = loadConfig(environment, {}, 'function')
    const gateway = await openFunction(config, log ?? (await createLogger(config.process.logLevel)))
    return { gateway, basePath: config.function.basePath }
  } catch (error) {
    const logger = log ?? (await createLogger('info'))
    logger.fatal({ reason: messageOf(error) }, 'the function cannot start')
    throw error
  }
}

let shared: Handler | undefined

/** A handler that connects to the broker at its first request. */
export async function handler(event: unknown, context?: Context): Promise<Result> {
  shared ??= createHandler()
  return shared(event, context)
}
