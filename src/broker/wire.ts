import type { Duplex } from 'node:stream'

/** What is on its way to one client: gathered for a turn of the event loop, then written as one. */
export interface Wire {
  /** Bytes that the system has not taken yet. */
  readonly waiting: number
  /** Milliseconds for which something has waited and the system has taken nothing. */
  readonly quiet: number
  write(bytes: Buffer): void
  /**
   * Counts an answer that the client gets, and lets it go on: at once, or if it reads none of them when it has, so that
   * what it is owed does not grow without end.
   */
  owe(goOn: () => void): void
}

/** This many bytes do not wait for the end of the turn. */
const GATHERED_BYTES = 65_536
const MAX_OWED = 1000

/** `onTaken` is called whenever the system has taken what was written. */
export function createWire(stream: Duplex, onTaken: () => void): Wire {
  let gathered: Buffer[] = []
  let gatheredBytes = 0
  let planned = false
  let lastTaken = performance.now()
  let owed = 0
  let held: (() => void)[] = []

  function flush(): void {
    if (gatheredBytes === 0) return
    const [only] = gathered
    const bytes = only && gathered.length === 1 ? only : Buffer.concat(gathered, gatheredBytes)
    gathered = []
    gatheredBytes = 0
    stream.write(bytes, taken)
  }

  function taken(): void {
    owed = 0
    lastTaken = performance.now()
    const going = held
    held = []
    for (const goOn of going) goOn()
    onTaken()
  }

  stream.on('drain', taken)
  return {
    get waiting() {
      return gatheredBytes + stream.writableLength
    },
    get quiet() {
      return performance.now() - lastTaken
    },
    write(bytes) {
      if (gatheredBytes === 0 && stream.writableLength === 0) lastTaken = performance.now()
      gathered.push(bytes)
      gatheredBytes += bytes.length
      if (gatheredBytes >= GATHERED_BYTES) flush()
      if (planned) return
      planned = true
      setImmediate(() => {
        planned = false
        flush()
      })
    },
    owe(goOn) {
      owed += 1
      if (owed > MAX_OWED) held.push(goOn)
      else goOn()
    },
  }
}
