/** Packets, of so many bytes, as one buffer. */
export type Join = (packets: readonly Buffer[], bytes: number) => Buffer

/** Copies the packets, unless there is only one. */
export function joinPackets(packets: readonly Buffer[], bytes: number): Buffer {
  const [only] = packets
  return only && packets.length === 1 ? only : Buffer.concat(packets, bytes)
}

/**
 * Remembers the last buffer. Clients with the same subscriptions get the same packets in one turn of the event loop, so these are
 * joined once for all of them.
 */
export function createSharedJoin(): Join {
  let last: readonly Buffer[] = []
  let joined: Buffer = Buffer.alloc(0)

  return (packets, bytes) => {
    if (areSame(packets, last)) return joined
    last = packets
    joined = joinPackets(packets, bytes)
    return joined
  }
}

function areSame(packets: readonly Buffer[], others: readonly Buffer[]): boolean {
  if (packets.length !== others.length) return false
  for (let index = packets.length - 1; index >= 0; index--)
    if (packets[index] !== others[index]) return false
  return true
}
