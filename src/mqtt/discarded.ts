import type { Duplex } from 'node:stream'

/** More than can be on its way in a network: only a client that goes on sending exceeds it. */
const MOST_BYTES = 256 * 1024

/** Closes an ending connection at once if its client goes on sending, since reading that costs as much as before. */
export function boundDiscarded(stream: Duplex): void {
  let bytes = 0
  stream.on('data', ({ length }: Buffer) => {
    bytes += length
    if (bytes > MOST_BYTES) stream.destroy()
  })
}
