import type { Logger } from 'pino'
import type { HttpRequest, HttpResponse } from './http-exchange.ts'
import type { Recognise } from './lean-exchange.ts'

/** Answers requests without the framework. */
export interface Shortcut {
  readonly recognise: Recognise
  /**
   * Answers a request. Returns false, before it does anything, for one that the routes must answer, which is never one that it has
   * recognised.
   */
  take(request: HttpRequest, response: HttpResponse): boolean
}

export interface ShortcutContext {
  readonly log: Logger
  /** Whether an answer over HTTP/1.1 has to end its connection. */
  isStopping(): boolean
}
