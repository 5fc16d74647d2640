import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Folder, temporaryFolder } from './program.ts'

export const ACL = `topic read public
user a
topic readwrite a/#
topic deny a/secret
pattern write dev/%c/x
`

/** A folder with `good.acl`, `bad.acl` with two errors, and `odd.acl`, which allows `a` everything. */
export async function aclFolder(): Promise<Folder> {
  const folder = await temporaryFolder()
  const write = (name: string, text: string) => writeFile(join(folder.path, name), text)
  await write('good.acl', ACL)
  await write('bad.acl', 'user a\ntopik x\ntopic read a/#/b\n')
  await write('odd.acl', 'user a\ntopic readwrite #\n')
  return folder
}
