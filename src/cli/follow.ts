import type { DeviceClient } from './client.ts'

export interface Arrived {
  readonly topic: string
  readonly payload: Buffer
  /** All that is known of it, as the data of a stream event has it, in one line. */
  toJson(): string
}

/** Follows a filter until `stop` is aborted; `arrived` is called for every message. Rejects with a CommandFailure. */
export type Follow = (
  client: DeviceClient,
  filter: string,
  arrived: (message: Arrived) => void,
  stop: AbortSignal,
) => Promise<void>
