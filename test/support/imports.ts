// The import graph of src/, types included: test/house.test.ts checks it, docs/architecture.md shows it.
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'

export const SRC = resolve(import.meta.dirname, '../../src')

export interface Import {
  /** A file, by its path from `src`. */
  readonly from: string
  /** A file, or the name of a package. */
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

/** A folder of `src`, or a file that lies in none. */
export function roomOf(file: string): string {
  return file.split(sep)[0] as string
}

/** What each node has arrows to. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>

/** Which file imports which. */
export function fileGraph(imports: readonly Import[]): Graph {
  return graphOf(imports.filter(({ to }) => to.endsWith('.ts')))
}

/** Which room imports from which. */
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

  /** The lowest number that `node` leads to. */
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

/** The arrows that no other way replaces: whoever imports from B and C, where B imports from C, has an arrow to B alone. */
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
