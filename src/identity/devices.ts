import type { Config } from '../config/load.ts'
import type { Reports } from '../metrics/reports.ts'
import { addressOf } from '../net/address.ts'
import {
  createDeviceConnections,
  type DeviceConnections,
  type LiveConnection,
} from './connection.ts'
import { createTrustLog } from './trust-log.ts'
import { trustSummary } from './trust-problems.ts'
import { openTrust, type TrustSource } from './trust-source.ts'

/** What devices are verified by, and those that are connected. */
export interface Devices {
  readonly trust: TrustSource
  readonly connections: DeviceConnections
  close(): void
}

/** Loads and follows the certificate files; connections that no longer hold are ended. */
export async function openDevices(settings: Config['trust'], reports: Reports): Promise<Devices> {
  const { meter, log, fileFailed } = reports
  const trust = await openTrust(settings, {
    meter,
    onFailure: fileFailed,
    onReload: createTrustLog(log, 'certificate files', () => trustSummary(trust.current)),
    onUseless(reason) {
      if (reason) log.error({ reason }, 'nobody can connect with these certificates')
      else log.info('devices can connect again')
    },
  })
  const connections = createDeviceConnections({
    pattern: settings.idPattern,
    trust: () => trust.current,
    mostRemembered: settings.rememberedCertificates,
    onForgotten: meter.certificateForgotten,
    onDismissed: createDismissalLog(reports),
  })
  trust.onChange(() => void connections.recheck())
  return {
    trust,
    connections,
    close() {
      connections.close()
      trust.close()
    },
  }
}

/** Says whose connection ends because its certificate is revoked, has expired or is of a CA that is gone. */
function createDismissalLog({ warn }: Pick<Reports, 'warn'>) {
  return ({ id: device, door, socket }: LiveConnection, reason: string): void =>
    warn(
      `dismissed\0${door}\0${device}\0${reason}`,
      { device, door, address: addressOf(socket), reason },
      'ending a connection whose certificate no longer holds',
    )
}
