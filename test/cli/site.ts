import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { initDirectory } from '../../src/ca/init.ts'
import type { Layout } from '../../src/ca/layout.ts'
import { FREE_PORTS, temporaryFolder } from './program.ts'

/** The files that `serve` needs, made by `init` in a folder that every user may enter. */
export interface Site extends AsyncDisposable {
  readonly path: string
  readonly layout: Layout
  /** The arguments of `serve` on free ports with good settings, except these flags. */
  serveBut(flags: Readonly<Record<string, string>>): string[]
  file(name: string, content: string | Buffer): Promise<string>
}

export async function createSite(): Promise<Site> {
  const folder = await temporaryFolder()
  const { path } = folder
  await chmod(path, 0o755)
  const { layout } = await initDirectory(join(path, '.wott'))
  const good = [
    ...['--certs-dir', layout.certs.directory, '--crl-file', layout.authority.crl],
    ...['--acl-file', layout.acl, '--broker', 'memory:', ...FREE_PORTS],
  ]
  return {
    path,
    layout,
    serveBut(flags) {
      const args = ['serve', ...good]
      for (const [flag, value] of Object.entries(flags)) {
        const at = args.indexOf(flag)
        if (at === -1) args.push(flag, value)
        else args[at + 1] = value
      }
      return args
    },
    async file(name, content) {
      const made = join(path, name)
      await writeFile(made, content)
      return made
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
