import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { type Folder, type Options, run, temporaryFolder } from './program.ts'

export const ACL = `topic read public
user a
topic readwrite a/#
topic deny a/secret
pattern write dev/%c/x
`

/**
 * Makes a folder for the tests of a file, with `good.acl`, `bad.acl` with two errors, and `odd.acl`, which allows `a`
 * everything. Returns its path, and runs `wott-gateway acl` there.
 */
export function useAclFolder() {
  let folder: Folder
  before(async () => {
    folder = await temporaryFolder()
    const write = (name: string, text: string) => writeFile(join(folder.path, name), text)
    await write('good.acl', ACL)
    await write('bad.acl', 'user a\ntopik x\ntopic read a/#/b\n')
    await write('odd.acl', 'user a\ntopic readwrite #\n')
  })
  after(() => folder[Symbol.asyncDispose]())
  const path = () => folder.path
  return {
    path,
    acl: (args: readonly string[], options: Options = {}) =>
      run(['acl', ...args], { cwd: path(), ...options }),
  }
}
