import type { Logger } from 'pino'

/** Logs after each reload whether the new certificate files are in force; `loaded` gives more fields for the line that says so. */
export function createTrustLog(
  log: Logger,
  files = 'certificate files',
  loaded: () => object = () => ({}),
): (problem: Error | null) => void {
  return (problem) => {
    if (problem)
      log.error({ reason: problem.message }, `${files} not usable; the old ones are still used`)
    else log.info(loaded(), `${files} loaded`)
  }
}
