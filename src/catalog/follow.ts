import type { Reports } from '../metrics/reports.ts'
import { openTopicsFile, type TopicsFile } from './topics-file.ts'

export interface TopicsFileSettings {
  readonly topicsFile: string | undefined
  /** Seconds. */
  readonly silence: number | null
}

/** Loads the topics file, follows it, and logs each reload. */
export async function followTopicsFile(
  { topicsFile, silence }: TopicsFileSettings,
  { log, fileFailed }: Pick<Reports, 'log' | 'fileFailed'>,
): Promise<TopicsFile> {
  return openTopicsFile(topicsFile ?? null, {
    silence: silence === null ? null : silence * 1000,
    onFailure: fileFailed,
    onLoad(result) {
      if (result.ok) log.info({ file: topicsFile, patterns: result.patterns }, 'topics file loaded')
      else
        log.error(
          { file: topicsFile, errors: result.errors },
          'topics file not usable; the old one is still used',
        )
    },
  })
}
