import type { Logger } from 'pino'
import type { ReloadResult } from './acl/reload.ts'

/** Says of each reading of the ACL file whether its rules are in force. */
export function createAclLog(file: string, log: Logger): (result: ReloadResult) => void {
  return (result) => {
    if (result.ok) log.info({ file, rules: result.rules }, 'access control file loaded')
    else
      log.error(
        { file, errors: result.errors },
        'access control file not usable; the old rules stay in force',
      )
  }
}

/** Says of each reading of certificate files whether they are in force; `loaded` gives what is told of them then. */
export function createTrustLog(
  log: Logger,
  files = 'certificate files',
  loaded: () => object = () => ({}),
): (problem: Error | null) => void {
  return (problem) => {
    if (problem)
      log.error({ reason: problem.message }, `${files} not usable; the old ones stay in force`)
    else log.info(loaded(), `${files} loaded`)
  }
}
