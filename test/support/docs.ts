import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { PROGRAM } from '../cli/program.ts'

const DOCS = resolve(import.meta.dirname, '../../docs')

/** The code blocks of one language on a page of docs/, in order. */
export async function blocksOf(page: string, language: string): Promise<string[]> {
  const text = await readFile(resolve(DOCS, page), 'utf8')
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))]
  return blocks.map(([, block = '']) => block)
}

/** The first code block that contains this text. */
export async function blockWith(page: string, language: string, text: string): Promise<string> {
  const block = (await blocksOf(page, language)).find((one) => one.includes(text))
  assert.ok(block !== undefined, `no \`\`\`${language} with ${text} in docs/${page}`)
  return block
}

/** Command lines where `npx` starts only the first `wott-gateway`: npm takes longer than most of the commands. */
export function npxOnce(scripts: readonly string[]): string[] {
  let isFirst = true
  const start = (npx: string) => {
    const command = isFirst ? npx : `'${process.execPath}' '${PROGRAM}'`
    isFirst = false
    return command
  }
  return scripts.map((script) => script.replaceAll('npx wott-gateway', start))
}

/** The settings in a code block, as `node --env-file` reads them. */
export function settingsIn(block: string): Record<string, string> {
  return { ...parseEnv(block) } as Record<string, string>
}
