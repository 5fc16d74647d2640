import type { Duplex } from 'node:stream'

/** More than a network has on its way, so that only who goes on sending does not read why its connection ends. */
const MOST_BYTES = 256 * 1024

/** Ends a connection whose client is told why it ends, and goes on sending: reading that costs as much as before. */
export function boundDiscarded(stream: Duplex): void {
  let bytes = 0
  stream.on('data', ({ length }: Buffer) => {
    bytes += length
    if (bytes > MOST_BYTES) stream.destroy()
  })
}
