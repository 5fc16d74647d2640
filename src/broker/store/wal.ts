import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { codeOf } from '../../errors.ts'

// SQLite ends its write-ahead log silently at the first damaged frame. The gateway reads the log too, so that messages that were
// acknowledged are not lost without a word.

/** The end of an SQLite write-ahead log: whole commits, as frames of one page each. `salt` names its generation. */
export interface WalEnd {
  readonly salt: string
  readonly frames: number
}

interface Header {
  readonly salt: string
  readonly pageBytes: number
  readonly isLittleEndian: boolean
  readonly sums: Sums
}

type Sums = readonly [number, number]

/** https://sqlite.org/fileformat2.html#the_write_ahead_log */
const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
const MAGIC = 0x377f0682
const FRAMES_AT_ONCE = 256

/** Reads and verifies the whole log, as SQLite does after a crash; null without a valid header. */
export function verifyWal(file: string): WalEnd | null {
  return withFile(file, (wal) => {
    const header = readHeader(wal)
    if (!header) return null
    let frames = 0
    for (const { index, commitPages } of framesOf(wal, header)) if (commitPages > 0) frames = index
    return { salt: header.salt, frames }
  })
}

/** Finds the end from the salts of the frames, without checksums; null if there is no log. */
export function findWalEnd(file: string): WalEnd | null {
  return withFile(file, (wal) => {
    const header = readHeader(wal)
    if (!header) return null
    const { salt, pageBytes } = header
    const frame = Buffer.alloc(FRAME_HEADER_BYTES)
    const read = (index: number) =>
      readSync(wal, frame, 0, frame.length, offsetOf(index, pageBytes)) === frame.length
    // the frames of this generation come first
    let low = 0
    let high = Math.floor((fstatSync(wal).size - HEADER_BYTES) / frameBytes(pageBytes))
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (read(middle) && saltIn(frame, 8) === salt) low = middle
      else high = middle - 1
    }
    while (low > 0 && !(read(low) && frame.readUInt32BE(4) > 0)) low -= 1
    return { salt, frames: low }
  })
}

/** Writes the pages of all whole commits into a database file. */
export function playBack(file: string, database: string): void {
  const end = verifyWal(file)
  withFile(file, (wal) => {
    const header = readHeader(wal)
    if (!header || !end) return
    const target = openSync(database, 'r+')
    try {
      for (const { index, page, content } of framesOf(wal, header)) {
        if (index > end.frames) break
        writeSync(target, content, 0, content.length, (page - 1) * header.pageBytes)
      }
    } finally {
      closeSync(target)
    }
  })
}

function withFile<T>(file: string, work: (handle: number) => T): T | null {
  let handle: number
  try {
    handle = openSync(file, 'r')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
  try {
    return work(handle)
  } finally {
    closeSync(handle)
  }
}

function readHeader(wal: number): Header | null {
  const header = Buffer.alloc(HEADER_BYTES)
  if (readSync(wal, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return null
  const magic = header.readUInt32BE(0)
  if (magic >>> 1 !== MAGIC >>> 1) return null
  const isLittleEndian = magic === MAGIC
  const sums = sum([0, 0], header.subarray(0, 24), isLittleEndian)
  if (!isSame(sums, header, 24)) return null
  const pageBytes = header.readUInt32BE(8)
  return { salt: saltIn(header, 16), pageBytes, isLittleEndian, sums }
}

interface Frame {
  /** From 1. */
  readonly index: number
  readonly page: number
  /** The size of the database, in pages, if this frame ends a commit; otherwise 0. */
  readonly commitPages: number
  /** Valid until the next frame is read. */
  readonly content: Buffer
}

/** The frames before the first invalid one. */
function* framesOf(wal: number, header: Header): Generator<Frame> {
  const { pageBytes, isLittleEndian, salt } = header
  const bytes = frameBytes(pageBytes)
  const buffer = Buffer.alloc(FRAMES_AT_ONCE * bytes)
  let { sums } = header
  for (let index = 1; ; ) {
    const read = readSync(wal, buffer, 0, buffer.length, offsetOf(index, pageBytes))
    const count = Math.floor(read / bytes)
    if (count === 0) return
    for (let at = 0; at < count * bytes; at += bytes) {
      const frame = buffer.subarray(at, at + bytes)
      const content = frame.subarray(FRAME_HEADER_BYTES)
      sums = sum(sum(sums, frame.subarray(0, 8), isLittleEndian), content, isLittleEndian)
      if (saltIn(frame, 8) !== salt || !isSame(sums, frame, 16)) return
      const page = frame.readUInt32BE(0)
      yield { index, page, commitPages: frame.readUInt32BE(4), content }
      index += 1
    }
  }
}

function frameBytes(pageBytes: number): number {
  return FRAME_HEADER_BYTES + pageBytes
}

function offsetOf(index: number, pageBytes: number): number {
  return HEADER_BYTES + (index - 1) * frameBytes(pageBytes)
}

function saltIn(bytes: Buffer, offset: number): string {
  return bytes.toString('hex', offset, offset + 8)
}

function sum([first, second]: Sums, bytes: Buffer, isLittleEndian: boolean): Sums {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let one = first
  let two = second
  for (let at = 0; at < bytes.length; at += 8) {
    one = (one + view.getUint32(at, isLittleEndian) + two) >>> 0
    two = (two + view.getUint32(at + 4, isLittleEndian) + one) >>> 0
  }
  return [one, two]
}

function isSame([one, two]: Sums, bytes: Buffer, offset: number): boolean {
  return bytes.readUInt32BE(offset) === one && bytes.readUInt32BE(offset + 4) === two
}
