import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { codeOf, messageOf, UsageError } from '../../errors.ts'
import type { WalEnd } from './wal.ts'

/** What is certainly on the disk. It is kept outside the database, to detect when the database has lost something. */
export interface Position {
  /** The highest number of a stored message. */
  readonly number: number
  /** The least that the database's write-ahead log must hold; null if that is not known. */
  readonly wal: WalEnd | null
}

/** The file of the position, open for writing. All functions throw the errors of the disk, except `flushLater`. */
export interface PositionFile {
  write(position: Position): void
  /** Flushes the file; nobody waits for it. */
  flushLater(): void
  flush(): void
  close(): void
}

const POSITION_FILE = 'broker.sqlite-position'
/** A sector, which a disk writes as a whole. Two are written in turn, so that one is always whole. */
const SLOT_BYTES = 512
const LINE = /^(\d+) (\d+) ([0-9a-f]{16}|-) (\d+) ([0-9a-f]{1,8})\n/

export function positionFile(directory: string): string {
  return join(directory, POSITION_FILE)
}

/** Null if no position was ever written. Throws a UsageError if the file itself is damaged. */
export function readPosition(directory: string): Position | null {
  return readNewest(directory)?.position ?? null
}

/** Opens the file for writing, and creates it if needed. */
export function openPosition(directory: string): PositionFile {
  let turn = readNewest(directory)?.turn ?? 0
  const { O_RDWR, O_CREAT } = constants
  const handle = openSync(positionFile(directory), O_RDWR | O_CREAT, 0o600)
  return {
    write({ number, wal }) {
      turn += 1
      const line = `${turn} ${number} ${wal?.salt ?? '-'} ${wal?.frames ?? 0}`
      const slot = Buffer.alloc(SLOT_BYTES)
      slot.write(`${line} ${crc32(line).toString(16)}\n`)
      writeSync(handle, slot, 0, SLOT_BYTES, (turn % 2) * SLOT_BYTES)
    },
    flushLater: () => fdatasync(handle, () => {}),
    flush: () => fdatasyncSync(handle),
    close: () => closeSync(handle),
  }
}

function readNewest(directory: string): { turn: number; position: Position } | null {
  const file = positionFile(directory)
  const text = readText(file)
  const found = [0, SLOT_BYTES]
    .map((offset) => parse(text.slice(offset, offset + SLOT_BYTES)))
    .filter((slot) => slot !== null)
    .toSorted((a, b) => b.turn - a.turn)
  if (found[0]) return found[0]
  // a power cut can leave a new file without its content
  if (/^\0*$/.test(text)) return null
  throw new UsageError(
    `${file} is damaged, so the gateway cannot know whether the store has lost anything: "wott-gateway store repair" checks the store and writes this file again`,
  )
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch (error) {
    // other problems of the folder are reported when the database is opened
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return ''
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

function parse(slot: string): { turn: number; position: Position } | null {
  const [whole = '', turn, number, salt = '-', frames, checksum = ''] = LINE.exec(slot) ?? []
  const line = whole.slice(0, -(checksum.length + 2))
  if (whole === '' || crc32(line) !== Number.parseInt(checksum, 16)) return null
  const wal = salt === '-' ? null : { salt, frames: Number(frames) }
  return { turn: Number(turn), position: { number: Number(number), wal } }
}
