import { execFile } from 'node:child_process'
import { symlink } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const ROOT = resolve(import.meta.dirname, '../..')

/** Packs and unpacks the npm package below `folder`; it uses the dependencies of the checkout. */
export async function installPacked(folder: string): Promise<string> {
  const execute = promisify(execFile)
  const packing = ['pack', '--json', '--pack-destination', folder]
  const { stdout } = await execute('npm', packing, { cwd: ROOT })
  const [{ filename }] = JSON.parse(stdout)
  await execute('tar', ['xf', join(folder, filename), '-C', folder])
  const installed = join(folder, 'package')
  await symlink(join(ROOT, 'node_modules'), join(installed, 'node_modules'))
  return installed
}
