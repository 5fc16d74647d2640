import type { Server as TlsServer } from 'node:tls'
import type { Denials } from '../acl/denials.ts'
import type { AclSource } from '../acl/reload.ts'
import type { OpenedBroker } from '../broker/open.ts'
import type { TopicsFile } from '../catalog/topics-file.ts'
import type { Commands } from '../commands/commands.ts'
import type { MemoryGuards } from '../http/memory-guards.ts'
import type { Devices } from '../identity/devices.ts'
import type { Live } from '../live/live.ts'
import type { Reports } from '../metrics/reports.ts'
import type { MqttHost } from '../mqtt/mqtt.ts'
import type { Relay } from '../relay/relay.ts'
import type { Turns } from '../turns/turns.ts'

/** Everything that the doors of a gateway give access to. */
export interface House {
  readonly acl: AclSource
  readonly broker: OpenedBroker
  readonly catalog: TopicsFile
  readonly commands: Commands
  readonly denials: Denials
  readonly devices: Devices
  readonly guards: MemoryGuards
  readonly live: Live
  readonly mqtt: MqttHost
  readonly relay: Relay
  readonly reports: Reports
  readonly turns: Turns
}

/** Makes `server` follow the trust files without dropping a connection. */
export function secured(
  server: TlsServer,
  { devices: { trust } }: Pick<House, 'devices'>,
): TlsServer {
  trust.onChange(({ context }) => server.setSecureContext(context))
  return server
}
