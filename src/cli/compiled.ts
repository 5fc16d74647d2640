import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { constants, Script } from 'node:vm'
import { crc32 } from 'node:zlib'

/** The checksums of the source and of what was compiled. */
const HEADER_BYTES = 8

/** A module that runs. */
export interface Loaded<T> {
  readonly exports: T
  /** Whether an earlier process had compiled it. */
  readonly isCompiled: boolean
  /** Keeps what V8 has compiled so far for later processes, unless that is kept already. V8 must have its first flags. */
  keep(): void
}

/**
 * Loads a CommonJS module in ASCII, compiled as far as it was when an earlier process called `keep`. (Node's own compile cache has
 * only what V8 compiles before a module runs, and V8 compiles most functions at their first call.) Whoever can write to `folder`
 * can put code into the program; without a folder, nothing is kept.
 */
export function loadCompiled<T extends object>(
  file: string,
  folder: string | undefined,
): Loaded<T> {
  const source = readFileSync(file)
  const kept = folder && join(folder, `serve-${process.version}-${process.arch}`)
  const cachedData = kept ? readKept(kept, source) : undefined
  const wrapped = `(function(exports,require,module,__filename){${source.toString('latin1')}\n})`
  const script = new Script(wrapped, {
    filename: file,
    ...(cachedData && { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const module = { exports: {} as T }
  script.runInThisContext()(module.exports, createRequire(file), module, file)
  // V8 rejects what another version of V8, or one with other flags, has compiled
  const isCompiled = cachedData !== undefined && script.cachedDataRejected === false

  return {
    exports: module.exports,
    isCompiled,
    keep() {
      if (!kept || !folder || isCompiled) return
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 })
        const compiled = script.createCachedData()
        writeWhole(kept, Buffer.concat([headerOf(source, compiled), compiled]))
      } catch {} // only the next start takes longer
    },
  }
}

/** What was compiled of `source`. V8 checks neither that it is undamaged nor that it comes from this source. */
function readKept(kept: string, source: Buffer): Buffer | undefined {
  try {
    const bytes = readFileSync(kept)
    const compiled = bytes.subarray(HEADER_BYTES)
    if (headerOf(source, compiled).equals(bytes.subarray(0, HEADER_BYTES))) return compiled
  } catch {} // this is the first start
  return undefined
}

function headerOf(source: Buffer, compiled: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(crc32(source), 0)
  header.writeUInt32LE(crc32(compiled), 4)
  return header
}

/** Processes that start meanwhile read either all of the bytes or none. */
function writeWhole(file: string, bytes: Buffer): void {
  const part = `${file}.${process.pid}`
  try {
    writeFileSync(part, bytes, { flag: 'wx', mode: 0o600 })
    renameSync(part, file)
  } catch (error) {
    rmSync(part, { force: true })
    throw error
  }
}
