// The files that are generated from the code: node test/support/generated.ts writes them, a test compares them.
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describeSections, toEnvExample, toMarkdownTables } from '../../src/config/describe.ts'
import { BRIDGE_OPTIONS } from '../../src/config/mosquitto/bridge-options.ts'
import { OPTIONS } from '../../src/config/mosquitto/options.ts'
import { toOptionTable } from '../../src/config/mosquitto/table.ts'
import { asyncapi } from '../../src/reference/asyncapi.ts'
import { toProblemTable } from '../../src/reference/problems.ts'
import { VERSION } from '../../src/version.ts'
import { readImports, roomGraph, shortened } from './imports.ts'
import { openapi } from './openapi.ts'

export const ROOT = resolve(import.meta.dirname, '../..')

/** The content of each generated file, by its path from the root. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const sections = describeSections()
  return new Map([
    ['.env.example', toEnvExample(sections)],
    await page('docs/architecture.md', 'rooms', await roomList()),
    await page('docs/configuration.md', 'settings', toMarkdownTables(sections)),
    await page(
      'docs/migrating-from-mosquitto.md',
      'options',
      `${toOptionTable(OPTIONS)}\n\nThose of a bridge, below its \`connection\`:\n\n${toOptionTable(BRIDGE_OPTIONS)}`,
    ),
    await page('docs/troubleshooting.md', 'codes', toProblemTable()),
    ['deploy/kubernetes/prometheus-operator/prometheus-rule.yaml', await prometheusRule()],
    ['openapi/openapi.json', toText(await openapi())],
    ['openapi/asyncapi.json', toText(asyncapi(VERSION))],
  ])
}

/** The import graph of the rooms as text, the top rooms first. */
async function roomList(): Promise<string> {
  const graph = shortened(roomGraph(await readImports()))
  const placed = new Map<string, number>()
  const heightOf = (room: string): number => {
    const known = placed.get(room)
    if (known !== undefined) return known
    const height = 1 + Math.max(0, ...[...(graph.get(room) ?? [])].map(heightOf))
    placed.set(room, height)
    return height
  }
  const rooms = [...graph.keys()].sort(
    (a, b) => heightOf(b) - heightOf(a) || a.localeCompare(b, 'en'),
  )
  const lines = rooms.map((room) => {
    const known = [...(graph.get(room) ?? [])].sort((a, b) => a.localeCompare(b, 'en'))
    return known.length === 0 ? room : `${room.padEnd(14)} → ${known.join(', ')}`
  })
  return ['```', ...lines, '```'].join('\n')
}

/** A page with `table` between its two marks. */
async function page(path: string, name: string, table: string): Promise<[string, string]> {
  const [begin, end] = [`<!-- ${name}: written by npm run docs -->`, `<!-- end of ${name} -->`]
  const [head, ...rest] = (await readFile(join(ROOT, path), 'utf8')).split(begin)
  const [, tail, ...more] = rest.join(begin).split(end)
  if (tail === undefined || more.length > 0)
    throw new Error(`${path} needs one "${begin}" and then one "${end}"`)
  return [path, `${head}${begin}\n\n${table}\n\n${end}${tail}`]
}

/** The alerts in the format of the Prometheus operator. */
async function prometheusRule(): Promise<string> {
  const source = 'deploy/prometheus/wott-gateway.rules.yml'
  const rules = await readFile(join(ROOT, source), 'utf8')
  return `# Written by npm run docs: ${source} as the Prometheus operator takes it.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: wott-gateway
  namespace: wott-gateway
spec:
${rules.replace(/^(?=.)/gm, '  ')}`
}

function toText(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`
}

if (import.meta.main)
  for (const [path, text] of await generatedFiles()) await writeFile(join(ROOT, path), text)
