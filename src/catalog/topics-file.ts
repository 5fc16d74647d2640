import type { Reports } from '../metrics/reports.ts'
import { type CatalogFile, openCatalog } from './catalog-file.ts'

export interface TopicsFileSettings {
  readonly topicsFile: string | undefined
  /** Seconds. */
  readonly silence: number | null
}

/** Loads the topics file, follows it, and logs each reload. */
export async function openTopicsFile(
  { topicsFile, silence }: TopicsFileSettings,
  { log, unreadable }: Pick<Reports, 'log' | 'unreadable'>,
): Promise<CatalogFile> {
  return openCatalog(topicsFile ?? null, {
    silence: silence === null ? null : silence * 1000,
    onFailure: unreadable,
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
