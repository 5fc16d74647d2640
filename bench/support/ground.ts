import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Credentials, createPki } from '../../test/support/pki.ts'

/** The files that all servers and load generators use: a device CA, three certificates, and rules. */
export interface Ground extends AsyncDisposable {
  readonly directory: string
  readonly aclFile: string
  readonly crlFile: string
  readonly server: Credentials
  readonly sensor: Credentials
  readonly reader: Credentials
}

const ACL = `user sensor.d.wott.local
topic write bench/#
topic write big/#
topic write other/#
user reader.d.wott.local
topic read bench/#
topic read big/#
topic read other/#
pattern readwrite dev/%u/#
`

export async function createGround(): Promise<Ground> {
  const directory = await mkdtemp(join(tmpdir(), 'wott-bench-'))
  const pki = await createPki(join(directory, 'pki'))
  const names = ['gateway.d.wott.local', 'localhost', '127.0.0.1', '::1']
  const [server, sensor, reader] = await Promise.all([
    pki.issue('gateway.d.wott.local', { names }),
    pki.issue('sensor.d.wott.local'),
    pki.issue('reader.d.wott.local'),
  ])
  const aclFile = join(directory, 'permission.acl')
  await writeFile(aclFile, ACL)
  return {
    directory,
    aclFile,
    server,
    sensor,
    reader,
    crlFile: pki.crlFile,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  }
}
