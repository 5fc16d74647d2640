import { chmod, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type IdentityFiles, identityFiles } from '../../src/ca/identity-files.ts'
import { type RanText, startAny, temporaryFolder } from '../cli/program.ts'
import { run } from '../support/clients.ts'

export const SCRIPT = resolve(import.meta.dirname, '../../deploy/device/wott-device')

/** The shells of Debian, most others, and small boards. */
export const SHELLS = ['dash', 'bash', 'busybox'] as const

export type Shell = (typeof SHELLS)[number]

/** A machine that runs `wott-device` with one shell, with a folder for its certificate. */
export interface Device extends AsyncDisposable {
  /** The folder of its certificate, which does not exist at first. */
  readonly files: IdentityFiles
  /** An empty working folder. */
  readonly home: string
  /** Runs `wott-device ARGS --dir DIR`. The code is null if a signal ends it. */
  wottDevice(...args: string[]): Promise<RanText>
  /** The same as a shell command, for scripts. */
  readonly command: string
  /** Replaces a program on its PATH by a shell script, in which `$real` is the program. */
  replace(program: string, script: string): Promise<void>
  /** Undoes that. */
  restore(program: string): Promise<void>
}

export async function createDevice(shell: Shell): Promise<Device> {
  const folder = await temporaryFolder()
  const [shims, tools] = [join(folder.path, 'shims'), join(folder.path, 'tools')]
  await mkdir(shims)
  const path = shell === 'busybox' ? await onlyBusybox(tools) : (process.env.PATH ?? '')
  const files = identityFiles(join(folder.path, 'certs'))
  const program = shell === 'busybox' ? ['busybox', 'sh'] : [shell]
  const env = { PATH: `${shims}:${path}` }
  return {
    files,
    home: folder.path,
    command: `${program.join(' ')} ${SCRIPT}`,
    async wottDevice(...args) {
      const [name = '', ...rest] = [...program, SCRIPT, ...args, '--dir', files.directory]
      const { code, stdout, stderr } = await startAny(name, rest, { env }).ended
      return { code, stdout: String(stdout), stderr }
    },
    async replace(name, script) {
      const real = (await run('sh', ['-c', `PATH='${path}'; command -v ${name}`])).stdout.trim()
      const shim = join(shims, name)
      await writeFile(shim, `#!/bin/sh\nreal=${real}\n${script}\n`)
      await chmod(shim, 0o755)
    },
    async restore(name) {
      await rm(join(shims, name))
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}

/** A folder with the programs of a small board: busybox for everything except curl and openssl. */
async function onlyBusybox(folder: string): Promise<string> {
  await mkdir(folder)
  const script = `busybox --install -s ${folder} && for one in busybox curl openssl; do command -v $one || exit; done`
  const { code, stdout, stderr } = await run('sh', ['-c', script])
  if (code !== 0) throw new Error(`busybox, curl and openssl are needed: ${stderr}`)
  for (const path of stdout.trim().split('\n')) {
    const link = join(folder, path.split('/').at(-1) as string)
    await symlink(path, link).catch((error) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
  return folder
}
