import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { print, printTable } from './rounds.ts'

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
  }[]
  readonly samples: readonly number[]
}

const ROOT = join(import.meta.dirname, '../..')

/** Prints the samples of the newest profile in `directory/name`, by function and by package. */
export async function printProfile(directory: string, name: string, most = 40): Promise<void> {
  const files = (await readdir(join(directory, name))).filter((file) =>
    file.endsWith('.cpuprofile'),
  )
  const newest = files.sort().at(-1)
  if (!newest) return
  const profile: Profile = JSON.parse(await readFile(join(directory, name, newest), 'utf8'))
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  const byFunction = new Map<string, number>()
  const byPlace = new Map<string, number>()
  let busy = 0
  for (const sample of profile.samples) {
    const frame = frames.get(sample)
    if (!frame || frame.functionName === '(idle)') continue
    busy += 1
    const file = placeOf(frame.url)
    const label = `${frame.functionName || '(anonymous)'} ${file && `${file}:${frame.lineNumber + 1}`}`
    byFunction.set(label, (byFunction.get(label) ?? 0) + 1)
    const place = file ? packageOf(file) : frame.functionName
    byPlace.set(place, (byPlace.get(place) ?? 0) + 1)
  }
  const share = (count: number) => `${((count / busy) * 100).toFixed(1)}%`
  const top = (counts: Map<string, number>, rows: number) =>
    [...counts]
      .sort((a, b) => b[1] - a[1])
      .slice(0, rows)
      .map(([label, count]) => [`  ${label}`, share(count)])
  print(`\n${name}: ${busy} samples (${join(directory, name, newest)})`)
  printTable(top(byPlace, 16))
  print()
  printTable(top(byFunction, most))
}

function placeOf(url: string): string {
  return url.startsWith('file://') ? relative(ROOT, new URL(url).pathname) : url
}

function packageOf(file: string): string {
  const inside = file.split('node_modules/').at(-1) ?? file
  if (inside !== file)
    return inside
      .split('/')
      .slice(0, inside.startsWith('@') ? 2 : 1)
      .join('/')
  return file.startsWith('node:') ? 'node' : file.split('/').slice(0, 2).join('/')
}
