import { dirname } from 'node:path'
import type { AclSource } from '../acl/reload.ts'
import { createAdminCommands, createStoreCommands, removeOldCopies } from '../admin/commands.ts'
import { adminSockets } from '../admin/place.ts'
import { openAdminSocket } from '../admin/socket.ts'
import type { OpenedBroker } from '../broker/open.ts'
import type { Config } from '../config/load.ts'
import { exists } from '../disk/exists.ts'
import { messageOf } from '../errors.ts'
import type { Devices } from '../identity/devices.ts'
import type { Live } from '../live/live.ts'
import type { Readings } from '../metrics/readings.ts'
import type { Reports } from '../metrics/reports.ts'
import { listClients, type Present } from '../visitors/clients.ts'
import { ownCertificates, watchEndingCertificates } from '../visitors/ending-certificates.ts'
import { logLostRights } from '../visitors/lost-rights.ts'
import { logRevoked } from '../visitors/revoked.ts'

export interface OperatorsOptions {
  readonly acl: AclSource
  readonly broker: Pick<OpenedBroker, 'sessions' | 'admin' | 'folder'>
  readonly devices: Devices
  readonly live: Pick<Live, 'hub'>
  readonly readings: Pick<Readings, 'certificateEnd' | 'certificateEnds' | 'lastSeen'>
  /** Who came through the proxy door. */
  readonly proxied: Present['proxied']
  readonly reports: Pick<Reports, 'log'>
}

/** Tells operators who loses rights and whose certificate ends, and answers their commands. */
export async function openOperators(
  { adminSocket, viewersFile, certificateWarningDays: days }: Config['access'],
  { acl, broker, devices, live, readings, proxied, reports: { log } }: OperatorsOptions,
): Promise<AsyncDisposable> {
  await using building = new AsyncDisposableStack()
  const { certificateEnd, certificateEnds, lastSeen } = readings
  const { trust, connections } = devices
  const { sessions, admin, folder } = broker
  const present = { sessions, hub: live.hub, connections, certificateEnd, proxied }
  const own = () => ownCertificates(trust.current)
  building.defer(watchEndingCertificates({ ends: certificateEnds, own, days, log }))
  let trusted = trust.current
  trust.onChange((current) => {
    logRevoked(trusted, current, log)
    trusted = current
  })
  let rules = acl.current
  const stop = acl.onChange(() => {
    const before = rules
    rules = acl.current
    void logLostRights(present, before, rules, log)
  })
  building.defer(stop)
  const commands = {
    ...createAdminCommands({ lastSeen, clients: (names) => listClients(present, names) }),
    ...(folder && admin ? createStoreCommands(folder, admin, log) : {}),
  }
  if (folder && admin) await removeOldCopies(folder)
  for (const path of adminSockets({ folder, wanted: adminSocket, viewersFile })) {
    // of a gateway that has neither a store nor a viewer yet
    if (adminSocket === undefined && !exists(dirname(path))) continue
    try {
      building.use(await openAdminSocket(path, commands))
    } catch (error) {
      // where the path is too long for a socket, on a system that is not Linux, say
      log.warn(
        { path, reason: messageOf(error) },
        'the admin socket cannot be opened, so "wott-gateway clients" does not work',
      )
    }
  }
  return building.move()
}
