import { join } from 'node:path'
import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import { type IdentityFiles, identityFiles } from './identity-files.ts'

/** Where everything that `init` makes is. */
export interface Layout {
  readonly directory: string
  readonly authority: {
    readonly directory: string
    readonly certificate: string
    readonly key: string
    readonly crl: string
    readonly ledger: string
    /** The CA that is to replace this one; exists only during a rotation. */
    readonly next: {
      readonly directory: string
      readonly certificate: string
      readonly key: string
    }
  }
  /** The gateway's own certificate: what `WOTT_CERTS_DIR` points to. */
  readonly certs: IdentityFiles
  readonly devices: string
  readonly acl: string
  readonly gitignore: string
  readonly lock: string
}

export function layoutOf(directory: string): Layout {
  const authority = join(directory, 'ca')
  const next = join(authority, 'next')
  return {
    directory,
    authority: {
      directory: authority,
      certificate: join(authority, 'ca.crt'),
      key: join(authority, 'ca.key'),
      crl: join(authority, 'crl.pem'),
      ledger: join(authority, 'issued.ndjson'),
      next: { directory: next, certificate: join(next, 'ca.crt'), key: join(next, 'ca.key') },
    },
    certs: identityFiles(join(directory, 'certs')),
    devices: join(directory, 'devices'),
    acl: join(directory, 'permission.acl'),
    gitignore: join(directory, '.gitignore'),
    lock: join(directory, '.lock'),
  }
}

/** `name` as `toDeviceName` gives it. */
export function deviceFiles(layout: Layout, name: string): IdentityFiles {
  return identityFiles(join(layout.devices, name))
}

/** Throws `UsageError` unless `directory` has an authority. */
export function openLayout(directory: string): Layout {
  const layout = layoutOf(directory)
  if (!exists(layout.authority.directory))
    throw new UsageError(
      `there is no device CA in ${directory}: create one with "wott-gateway init ${directory}"`,
    )
  return layout
}
