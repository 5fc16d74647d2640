// Files made from the schema of the settings: node test/support/generated.ts writes them, a test compares.
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describeSettings, toEnvExample, toMarkdownTable } from '../../src/config/describe.ts'
import { OPTIONS } from '../../src/config/mosquitto/options.ts'
import { toOptionTable } from '../../src/config/mosquitto/table.ts'

export const ROOT = resolve(import.meta.dirname, '../..')

const BEGIN = '<!-- settings: written by npm run docs -->'
const OPTIONS_BEGIN = '<!-- options: written by npm run docs -->'
const OPTIONS_END = '<!-- end of options -->'
const END = '<!-- end of settings -->'

/** What each generated file should hold, by its path from the root. */
export async function generatedFiles(): Promise<ReadonlyMap<string, string>> {
  const settings = describeSettings()
  const page = 'docs/configuration.md'
  const before = await readFile(join(ROOT, page), 'utf8')
  const [head, ...rest] = before.split(BEGIN)
  const [, tail, ...more] = rest.join(BEGIN).split(END)
  if (head === undefined || tail === undefined || more.length > 0)
    throw new Error(`${page} needs one "${BEGIN}" and then one "${END}"`)
  const migrating = 'docs/migrating-from-mosquitto.md'
  const text = await readFile(join(ROOT, migrating), 'utf8')
  const [first, last] = [text.split(OPTIONS_BEGIN)[0], text.split(OPTIONS_END)[1]]
  return new Map([
    [migrating, `${first}${OPTIONS_BEGIN}\n\n${toOptionTable(OPTIONS)}\n\n${OPTIONS_END}${last}`],
    ['.env.example', toEnvExample(settings)],
    [page, `${head}${BEGIN}\n\n${toMarkdownTable(settings)}\n\n${END}${tail}`],
  ])
}

if (import.meta.main)
  for (const [path, text] of await generatedFiles()) await writeFile(join(ROOT, path), text)
