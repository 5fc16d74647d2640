import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'

const ROOT = resolve(import.meta.dirname, '../..')

/** Packs and unpacks the npm package below `folder`. */
export async function installPacked(folder: string): Promise<string> {
  const execute = promisify(execFile)
  const packing = ['pack', '--json', '--pack-destination', folder]
  const { stdout } = await execute('npm', packing, { cwd: ROOT })
  const [{ filename }] = JSON.parse(stdout)
  await execute('tar', ['xf', join(folder, filename), '-C', folder])
  return join(folder, 'package')
}

/** Joins a server of this folder and its packages into one file, as the package does with the gateway. Returns its path. */
export async function bundled(folder: string, module: string): Promise<string> {
  const outfile = join(folder, `${module}.mjs`)
  await build({
    entryPoints: [join(import.meta.dirname, module)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // packages in CommonJS load Node's own modules with it
    banner: {
      js: "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)",
    },
  })
  return outfile
}
