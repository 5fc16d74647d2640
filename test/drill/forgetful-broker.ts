import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Fsync } from '../../src/broker/store/sqlite-file.ts'
import {
  ALL_SURVIVES,
  buildForgetfulDisk,
  type Change,
  cutPower,
  type Files,
  readFiles,
  readTrace,
  type Survives,
  writeFiles,
} from './forgetful-disk.ts'

const CHILD = fileURLToPath(new URL('../broker/store/crash-child.ts', import.meta.url))
/** The power is cut within this number of changes while a store is opened. */
const OPENING = 40
/** More changes than opening any store takes. */
const ALL_OF_OPENING = 1_000

/** The disk trace of a broker up to its power cut. */
export interface Run {
  /** Changes and flushes of its store. */
  readonly changes: readonly Change[]
  /** The records of its clients. */
  readonly said: readonly string[][]
}

/** A broker under load whose power is cut. It works in `work`, with its store in `work`/disk/store. */
export function createForgetfulBroker(work: string, fsync: Fsync) {
  const library = buildForgetfulDisk(work)
  const disk = join(work, 'disk')
  const file = join(work, 'trace')

  async function trace(before: Files, round: number, cut: number): Promise<Change[]> {
    writeFiles(disk, before)
    rmSync(file, { force: true })
    const env = {
      ...process.env,
      LD_PRELOAD: library,
      DISK_ROOT: disk,
      DISK_TRACE: file,
      DISK_CUT: `${cut}`,
    }
    // on the same disk, so that acknowledgements are ordered among the changes
    const args = [CHILD, join(disk, 'store'), `${round}`, join(disk, 'said'), fsync]
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
    const [code, signal] = await once(child, 'exit')
    assert.equal(signal, 'SIGKILL', `the broker ended by itself, with ${code}`)
    const changes = readTrace(file)
    assert.deepEqual(
      cutPower(before, changes, ALL_SURVIVES),
      readFiles(disk),
      'a change was missed',
    )
    return changes
  }

  /** Runs it until its store is open, with a limit of changes. */
  async function opening(before: Files, round: number, cut: number): Promise<Change[]> {
    const all = await trace(before, round, cut)
    const end = all.findIndex((change) => isSaid(change) && change.what === 'write')
    return end < 0 ? all : all.slice(0, end)
  }

  return {
    disk,
    /** Runs it on these files, with a limit of changes. */
    async run(before: Files, round: number, most: number): Promise<Run> {
      const all = await trace(before, round, upTo(most))
      const said = all.filter((change) => isSaid(change) && change.what === 'write')
      return {
        changes: all.filter((change) => !isSaid(change)),
        said: said.map(({ data }) => String(data).trimEnd().split(' ')),
      }
    },
    /** Opens a store, and cuts the power before it is open; resolves to the remaining files. */
    async cutWhileOpening(before: Files, round: number, survives: Survives): Promise<Files> {
      return cutPower(before, await opening(before, round, upTo(OPENING)), survives)
    },
    /** All changes that it makes to open a store. */
    open: (before: Files) => opening(before, 1, ALL_OF_OPENING),
  }
}

function upTo(most: number): number {
  return 1 + Math.floor(Math.random() * most)
}

function isSaid({ name }: Change): boolean {
  return name === 'said'
}
