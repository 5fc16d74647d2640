import type { Credentials } from '../support/pki.ts'
import type { Site } from './site.ts'
import { http1Visit, http2Visit, strangerVisit } from './visits/http.ts'
import { mqtt3Visit, mqtt5Visit, queueVisit, webSocketVisit, willVisit } from './visits/mqtt.ts'
import { http2StreamVisit, streamVisit, viewerVisit } from './visits/streams.ts'

/** One of several clients that do the same at the same time. */
export interface Visitor {
  readonly site: Site
  readonly lane: number
  readonly device: Credentials
  /** The device may read and write only below this topic. */
  readonly root: string
}

/** Connects, does what a typical client does, and disconnects; rejects if it was not served. */
export type Visit = (visitor: Visitor) => Promise<void>

export const VISITS: readonly Visit[] = [
  http1Visit,
  http2Visit,
  strangerVisit,
  mqtt3Visit,
  mqtt5Visit,
  queueVisit,
  willVisit,
  webSocketVisit,
  streamVisit,
  http2StreamVisit,
  viewerVisit,
]
