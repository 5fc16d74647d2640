import { open, stat } from 'node:fs/promises'

const BYTES_AT_ONCE = 2 ** 20

/** The contents of a file that has at most `largest` bytes. Rejects for anything else. */
export async function readRegularFile(path: string, largest: number): Promise<Buffer> {
  // reading a FIFO would wait for a writer
  if (!(await stat(path)).isFile()) throw new Error('it is not a regular file')
  await using file = await open(path)
  const { size } = await file.stat()
  if (size > largest) throw new Error(`it has ${size} bytes; at most ${largest} are allowed`)
  // in pieces into one buffer: readFile would hold up everybody while it joins them
  const bytes = Buffer.allocUnsafeSlow(size)
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(bytes, at, Math.min(BYTES_AT_ONCE, size - at))
    if (bytesRead === 0) return bytes.subarray(0, at)
    at += bytesRead
  }
  return bytes
}
