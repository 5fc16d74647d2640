/** Divides the bytes of packets into TLS records or WebSocket messages. */
export type Divide = (packets: readonly Buffer[]) => readonly Buffer[]

/** Cuts at these offsets; one beyond the end is taken modulo the length. */
export function cutAt(...offsets: number[]): Divide {
  return (packets) => {
    const bytes = Buffer.concat(packets)
    const cuts = new Set([0, ...offsets.map((offset) => offset % bytes.length)])
    const edges = [...cuts].sort((a, b) => a - b)
    return edges.map((edge, index) => bytes.subarray(edge, edges[index + 1]))
  }
}

/** Cuts into pieces of these sizes, in turn. */
export function sized(...sizes: number[]): Divide {
  return (packets) => {
    const bytes = Buffer.concat(packets)
    const pieces: Buffer[] = []
    for (let at = 0; at < bytes.length; ) {
      const size = sizes[pieces.length % sizes.length] as number
      pieces.push(bytes.subarray(at, at + size))
      at += size
    }
    return pieces
  }
}

/** Cuts between packets; packet n + 1 is in the same piece as packet n where bit n of `together` is set. */
export function glued(together: number): Divide {
  return (packets) => {
    const pieces: Buffer[] = []
    for (const [index, packet] of packets.entries()) {
      const isGlued = index > 0 && (together & (1 << (index - 1))) !== 0
      const before = isGlued ? pieces.pop() : undefined
      pieces.push(before ? Buffer.concat([before, packet]) : packet)
    }
    return pieces
  }
}

/** The numbers from 1 to below `end`. */
export function offsets(end: number): number[] {
  return Array.from({ length: end - 1 }, (_, index) => index + 1)
}
