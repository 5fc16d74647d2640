import { execFile } from 'node:child_process'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

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
