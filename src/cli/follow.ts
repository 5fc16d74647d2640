import type { Client } from './client.ts'

/** Follows a filter until `stop` is aborted; `arrived` is called for every message. Rejects with a CommandFailure. */
export type Follow = (
  client: Client,
  filter: string,
  arrived: (topic: string, payload: Buffer) => void,
  stop: AbortSignal,
) => Promise<void>
