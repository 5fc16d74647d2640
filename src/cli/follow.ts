import type { DeviceClient } from './client.ts'

export interface Arrived {
  readonly topic: string
  readonly payload: Buffer
  /** The message as JSON in one line, in the format of a stream event's data. */
  toJson(): string
}

/** Follows a filter until `stop` is aborted; `arrived` is called for every message. Rejects with a CommandFailure. */
export type Follow = (
  client: DeviceClient,
  filter: string,
  arrived: (message: Arrived) => void,
  stop: AbortSignal,
) => Promise<void>
