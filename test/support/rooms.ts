// Writes test/rooms/: programs that each run the test files of a room, or a part of them, in one process. A process that starts and
// loads the gateway takes longer than most test files do. Builds the package, and copies it beside them, for tests that start it.
import { execFileSync } from 'node:child_process'
import { cp, glob, mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

const TESTS = resolve(import.meta.dirname, '..')
const ROOT = resolve(TESTS, '..')
const ROOMS = join(TESTS, 'rooms')
/** What a running program reads of the package. */
const PACKAGE = ['bin', 'dist', 'openapi', 'package.json']
const MOST_FILES = 10
/** Rooms whose programs take a minute or more; these start first, so that none of them still runs alone at the end. */
const LONG_ROOMS = new Set(['cli', 'device', 'e2e', 'security'])
/** Files that are in no folder. */
const NO_ROOM = 'house'

function roomOf(file: string): string {
  const [room = '', ...path] = file.split('/')
  return path.length > 0 ? room : NO_ROOM
}

/** The test runner sorts the programs by name. */
function orderOf(room: string): number {
  return LONG_ROOMS.has(room) ? 1 : 2
}

/** Parts of about the same size. */
function partsOf(files: readonly string[]): string[][] {
  const count = Math.ceil(files.length / MOST_FILES)
  const parts = Array.from({ length: count }, (): string[] => [])
  for (const [index, file] of files.entries())
    parts[Math.floor((index * count) / files.length)]?.push(file)
  return parts
}

function toProgram(files: readonly string[]): string {
  const entries = files.map((file) => `  'test/${file}': () => import('../${file}'),\n`)
  return `import { runFiles } from '../support/file-suites.ts'\n\nawait runFiles({\n${entries.join('')}})\n`
}

async function writeRooms(): Promise<void> {
  const exclude = (name: string) => name.endsWith('node_modules')
  const files = await Array.fromAsync(glob('**/*.test.ts', { cwd: TESTS, exclude }))
  await rm(ROOMS, { recursive: true, force: true })
  await mkdir(ROOMS)
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' })
  // a copy, because a test builds the package again
  for (const part of PACKAGE)
    await cp(join(ROOT, part), join(ROOMS, 'package', part), { recursive: true })
  for (const [room, all] of Map.groupBy(files.toSorted(), roomOf))
    for (const [index, part] of partsOf(all).entries())
      await writeFile(join(ROOMS, `${orderOf(room)}-${room}-${index + 1}.mjs`), toProgram(part))
}

await writeRooms()
