import type { Config } from '../config/load.ts'
import type { Admissions } from '../door/admissions.ts'
import type { App } from '../http/fastify.ts'
import { createViewerDoor } from '../http/viewer-door.ts'
import { openViewers, type Viewers } from '../viewer/viewers.ts'
import { createViewerLog } from '../visitors/viewer-log.ts'
import { type House, secured } from './house.ts'
import { readingOptions, type SpoofCounter } from './http.ts'

/** The server for people, and who they are. */
export interface ViewerServer {
  readonly viewer: App
  readonly viewers: Viewers
}

export async function createViewerServer(
  config: Config,
  house: House,
  admissions: Admissions,
  countSpoofed: SpoofCounter,
): Promise<ViewerServer> {
  const { log, fileFailed } = house.reports
  const visits = createViewerLog(log)
  const file = config.access.viewersFile
  const viewers = await openViewers(file, {
    onFailure: fileFailed,
    onChange: visits.changed,
    onExpired: visits.expired,
    onOutage(reason) {
      if (reason === null) log.info({ file }, 'viewers can log in again')
      else log.error({ reason }, 'viewers cannot log in')
    },
  })
  const viewer = createViewerDoor({
    ...readingOptions(config, house),
    viewers,
    visits,
    onRequest: countSpoofed('viewer'),
    onSession: (peer, name) => void admissions.of('viewer').identified(peer, name),
  })
  secured(viewer.server, house)
  return { viewer, viewers }
}
