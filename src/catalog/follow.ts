import type { Config } from '../config/load.ts'
import type { Reports } from '../metrics/reports.ts'
import { openTopicsFile, type TopicsFile } from './topics-file.ts'

/** Loads the topics file, follows it, and logs each reload. */
export async function followTopicsFile(
  { file, silenceMs }: Config['topics'],
  { log, fileFailed }: Pick<Reports, 'log' | 'fileFailed'>,
): Promise<TopicsFile> {
  return openTopicsFile(file ?? null, {
    silenceMs,
    onFailure: fileFailed,
    onLoad(result) {
      if (result.ok) log.info({ file, patterns: result.patterns }, 'topics file loaded')
      else
        log.error(
          { file, errors: result.errors },
          'topics file not usable; the old one is still used',
        )
    },
  })
}
