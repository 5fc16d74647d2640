// The import graph of src/, types included: test/house.test.ts checks it, docs/architecture.md shows it.
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'

export const SRC = resolve(import.meta.dirname, '../../src')

export interface Import {
  /** The path of a file from `src`. */
  readonly from: string
  /** The path of a file from `src`, or the name of a package. */
  readonly to: string
}

export async function readImports(): Promise<Import[]> {
  const files = (await readdir(SRC, { recursive: true })).filter((file) => file.endsWith('.ts'))
  const found: Import[] = []
  for (const file of files.sort()) {
    const text = await readFile(join(SRC, file), 'utf8')
    for (const [, to = ''] of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g))
      found.push({
        from: file,
        to: to.startsWith('.') ? relative(SRC, join(SRC, dirname(file), to)) : to,
      })
  }
  return found
}

/** Every name that a file of `src` or one of `others` imports from `src`: `FILE NAME`, or `FILE *` for all of a file. */
export async function namesImported(others: readonly string[]): Promise<ReadonlySet<string>> {
  const own = (await readdir(SRC, { recursive: true })).map((file) => join(SRC, file))
  const files = [...own, ...others.map((file) => join(SRC, '..', file))]
  const found = new Set<string>()
  for (const file of files.filter((one) => one.endsWith('.ts'))) {
    const text = await readFile(file, 'utf8')
    for (const [names, from] of importsIn(text)) {
      const imported = relative(SRC, join(dirname(file), from))
      for (const name of names) found.add(`${imported} ${name}`)
    }
  }
  return found
}

function* importsIn(text: string): Generator<[names: readonly string[], from: string]> {
  for (const [, list = '', from = ''] of text.matchAll(
    /import (?:type )?\{([^}]*)\} from '(\.[^']+)'/g,
  ))
    yield [namesOf(list, ' as '), from]
  for (const [, from = ''] of text.matchAll(/import \* as \w+ from '(\.[^']+)'/g))
    yield [['*'], from]
  for (const [, list = '', from = ''] of text.matchAll(
    /\{([^{}]*)\} = await import\('(\.[^']+)'\)/g,
  ))
    yield [namesOf(list, ':'), from]
  for (const [, from = '', name = ''] of text.matchAll(/\(await import\('(\.[^']+)'\)\)\.(\w+)/g))
    yield [[name], from]
  for (const [, from = ''] of text.matchAll(/= import\('(\.[^']+)'\)/g)) yield [['*'], from]
}

function namesOf(list: string, renaming: string): string[] {
  return list.split(',').map((one) =>
    one
      .replace(/^\s*type /, '')
      .split(renaming, 1)
      .join('')
      .trim(),
  )
}

/** The room of a file: its folder below `src`, or the file itself. */
export function roomOf(file: string): string {
  return file.split(sep)[0] as string
}

/** The nodes that each node has arrows to. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>

/** The files that each file imports. */
export function fileGraph(imports: readonly Import[]): Graph {
  return graphOf(imports.filter(({ to }) => to.endsWith('.ts')))
}

/** The rooms that each room imports from. */
export function roomGraph(imports: readonly Import[]): Graph {
  const rooms = imports
    .filter(({ to }) => to.endsWith('.ts'))
    .map(({ from, to }) => ({ from: roomOf(from), to: roomOf(to) }))
  return graphOf(rooms.filter(({ from, to }) => from !== to))
}

function graphOf(arrows: readonly Import[]): Graph {
  const graph = new Map<string, Set<string>>()
  for (const { from, to } of arrows) {
    graph.set(from, (graph.get(from) ?? new Set()).add(to))
    if (!graph.has(to)) graph.set(to, new Set())
  }
  return graph
}

/** Every group of nodes that lead to each other (Tarjan's strongly connected components, without single nodes). */
export function circlesIn(graph: Graph): string[][] {
  const circles: string[][] = []
  const path: string[] = []
  const numbers = new Map<string, number>()
  const done = new Set<string>()

  /** The lowest number that `node` reaches. */
  function visit(node: string): number {
    const number = numbers.size
    numbers.set(node, number)
    const place = path.push(node) - 1
    let lowest = number
    for (const next of graph.get(node) ?? [])
      if (!done.has(next)) lowest = Math.min(lowest, numbers.get(next) ?? visit(next))
    if (lowest < number) return lowest
    const circle = path.splice(place)
    for (const each of circle) done.add(each)
    if (circle.length > 1) circles.push(circle.sort())
    return lowest
  }

  for (const node of graph.keys()) if (!numbers.has(node)) visit(node)
  return circles
}

/** The graph without arrows that a longer path replaces (the transitive reduction). */
export function shortened(graph: Graph): Graph {
  const reach = new Map<string, Set<string>>()
  function reachedFrom(node: string): Set<string> {
    const known = reach.get(node)
    if (known) return known
    const all = new Set<string>()
    reach.set(node, all)
    for (const next of graph.get(node) ?? []) {
      all.add(next)
      for (const further of reachedFrom(next)) all.add(further)
    }
    return all
  }
  return new Map(
    [...graph].map(([node, nexts]) => [
      node,
      new Set([...nexts].filter((to) => ![...nexts].some((by) => reachedFrom(by).has(to)))),
    ]),
  )
}
