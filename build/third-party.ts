import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** A package that is part of the built program. */
interface Package {
  readonly name: string
  readonly version: string
  /** An SPDX identifier or expression. */
  readonly license: string
  readonly author: unknown
  readonly directory: string
}

/**
 * Writes the licences of the packages that `inputs` belong to, which allow copies only with their text, and a list of
 * these packages (CycloneDX), because a scanner finds no node_modules.
 */
export async function writeNotices(root: string, out: string, inputs: string[]): Promise<void> {
  const directories = new Set(
    inputs
      .flatMap((input) => PACKAGE_OF_FILE.exec(input)?.[0] ?? [])
      .map((path) => resolve(root, path)),
  )
  const packages = await Promise.all([...directories].map(describe))
  packages.sort((a, b) => (a.name < b.name ? -1 : 1))
  const texts = await Promise.all(packages.map(noticeOf))
  await writeFile(join(out, 'third-party-licenses.txt'), texts.join(`\n${'-'.repeat(80)}\n\n`))
  const bom = await toBom(root, packages)
  await writeFile(join(out, 'third-party.cdx.json'), `${JSON.stringify(bom, null, 2)}\n`)
}

/** What is read of a package.json. */
interface Manifest {
  readonly name: string
  readonly version: string
  readonly license?: unknown
  readonly author?: unknown
}

/** From the beginning of a path to the name of the innermost package. */
const PACKAGE_OF_FILE = /^.*node_modules\/(@[^/]+\/)?[^/]+/

async function describe(directory: string): Promise<Package> {
  const { name, version, license, author } = await readJson(join(directory, 'package.json'))
  if (typeof license !== 'string') throw new Error(`${directory}/package.json names no licence`)
  return { name, version, license, author, directory }
}

async function noticeOf({ name, version, license, author, directory }: Package): Promise<string> {
  const files = (await readdir(directory)).filter((file) => /^(licen[cs]e|notice)/i.test(file))
  const texts = await Promise.all(
    files.sort().map((file) => readFile(join(directory, file), 'utf8')),
  )
  if (texts.length === 0)
    texts.push(`The package has no text of its licence. Its author: ${author}\n`)
  return `${name} ${version} (${license})\n\n${texts.join('\n')}`
}

/** CycloneDX 1.6 */
async function toBom(root: string, packages: readonly Package[]): Promise<object> {
  const { name, version } = await readJson(join(root, 'package.json'))
  const purl = (of: string, at: string) => `pkg:npm/${of.replace('@', '%40')}@${at}`
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', name, version, purl: purl(name, version) } },
    components: packages.map((one) => ({
      type: 'library',
      'bom-ref': purl(one.name, one.version),
      name: one.name,
      version: one.version,
      purl: purl(one.name, one.version),
      licenses: [{ expression: one.license }],
    })),
  }
}

async function readJson(file: string): Promise<Manifest> {
  return JSON.parse(await readFile(file, 'utf8'))
}
