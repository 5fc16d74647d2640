/** Knows from the bytes of a WebSocket (RFC 6455 §5.2) whether a message has begun and not ended. */
export interface MessageProgress {
  push(bytes: Buffer): void
  /** The first bytes of a message, or of a frame, are here but not its last. */
  isPartial(): boolean
  /** Messages and control frames that have ended. */
  ended(): number
}

const FINAL = 0x80
const CONTROL = 0x08
const MASK_BYTES = 4

export function createMessageProgress(): MessageProgress {
  let state: 'kind' | 'length' | 'extended length' | 'payload' = 'kind'
  let kind = 0
  let inMessage = false
  // bytes still to come of what `state` says
  let left = 0
  let length = 0
  let extended = 0
  let count = 0

  /** One byte of a frame's header. */
  function take(byte: number): void {
    if (state === 'kind') {
      kind = byte
      state = 'length'
    } else if (state === 'length') {
      const masked = byte >= 0x80 ? MASK_BYTES : 0
      length = byte & 0x7f
      if (length < 126) payload(length + masked)
      else {
        left = length === 126 ? 2 : 8
        length = masked
        state = 'extended length'
        extended = 0
      }
    } else {
      extended = extended * 256 + byte
      left -= 1
      if (left === 0) payload(extended + length)
    }
  }

  function payload(bytes: number): void {
    left = bytes
    state = 'payload'
    if (left === 0) end()
  }

  function end(): void {
    state = 'kind'
    if ((kind & CONTROL) === 0) inMessage = (kind & FINAL) === 0
    if (!inMessage) count += 1
  }

  return {
    push(bytes) {
      for (let at = 0; at < bytes.length; ) {
        if (state !== 'payload') {
          take(bytes[at++] as number)
          continue
        }
        const taken = Math.min(left, bytes.length - at)
        at += taken
        left -= taken
        if (left === 0) end()
      }
    },
    isPartial: () => inMessage || state !== 'kind',
    ended: () => count,
  }
}
