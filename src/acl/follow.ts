import type { Logger } from 'pino'
import type { Reports } from '../metrics/reports.ts'
import { type AclSource, openAcl, type ReloadResult } from './reload.ts'

/** Loads the ACL file, follows it, and logs each reload. Rejects with a UsageError that names every bad line. */
export async function followAcl(
  file: string,
  { meter, log, fileFailed }: Reports,
): Promise<AclSource> {
  const logReload = createAclLog(file, log)
  const acl = await openAcl(file, {
    watch: true,
    onFailure: fileFailed,
    onReload(result) {
      meter.aclLoaded(result.ok ? result.rules : null)
      logReload(result)
    },
  })
  meter.aclLoaded(acl.current.size)
  return acl
}

/** Logs after each reload whether the new rules are in force. */
export function createAclLog(file: string, log: Logger): (result: ReloadResult) => void {
  return (result) => {
    if (result.ok) log.info({ file, rules: result.rules }, 'access control file loaded')
    else
      log.error(
        { file, errors: result.errors },
        'access control file not usable; the old rules are still used',
      )
  }
}
