import type { Logger } from 'pino'

/** Says of each reading of certificate files whether they are in force; `loaded` gives what is told of them then. */
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
