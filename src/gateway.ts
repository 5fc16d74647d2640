import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createAccess } from './acl/access.ts'
import { createDenials } from './acl/denials.ts'
import { followAcl } from './acl/follow.ts'
import type { Bridge } from './bridge/bridge.ts'
import { forwardedBy } from './bridge/forwarded.ts'
import { openBroker } from './broker/open.ts'
import { toRetention } from './broker/store-settings.ts'
import { followTopicsFile } from './catalog/follow.ts'
import { createCommands } from './commands/commands.ts'
import type { Config } from './config/load.ts'
import { type Doors, openDoors } from './doors/doors.ts'
import type { OpenDoors } from './doors/opener.ts'
import { openFreshness } from './freshness/freshness.ts'
import { createMemoryGuards } from './http/memory-guards.ts'
import { openDevices } from './identity/devices.ts'
import { openLive } from './live/live.ts'
import { createGatewayMetrics } from './metrics/of-gateway.ts'
import { createReports } from './metrics/reports.ts'
import { createMqttHost } from './mqtt/mqtt.ts'
import { openOperators } from './operators/operators.ts'
import { followReadings } from './presence/readings.ts'
import { createIntake } from './relay/intake.ts'
import { createTurns } from './turns/turns.ts'

export interface Gateway extends AsyncDisposable {
  readonly doors: OpenDoors
  /** Reads the ACL, trust and topics files again. */
  reload(): Promise<void>
  /** Takes nothing new, finishes what is in flight within `drainSeconds`, and closes. */
  drain(): Promise<void>
}

/** Builds everything that a running gateway is made of; it is closed in reverse. */
export async function openGateway(config: Config, log: Logger): Promise<Gateway> {
  await using building = new AsyncDisposableStack()
  const { metrics, readings } = createGatewayMetrics(config)
  const { meter } = metrics
  const reports = createReports(meter, log)

  const acl = await followAcl(config.aclFile, reports)
  building.defer(acl.close)
  const catalog = await followTopicsFile(config, reports)
  building.defer(catalog.close)
  const devices = await openDevices(config, reports)
  building.defer(devices.close)
  const guards = createMemoryGuards(config, reports)
  const { memory } = guards
  metrics.watchMemory(Object.values(guards))

  const denials = createDenials(log)
  const accessOf = (user: string, clientId: string) => createAccess(acl, { user, clientId })
  let bridge: Bridge | null = null
  const broker = await openBroker(config.broker, {
    ...config,
    accessOf,
    memory,
    meter,
    log,
    forwarded: forwardedBy(config),
    onUnforwarded: (count) => bridge?.noteDeleted(count),
  })
  building.defer(broker.close)
  const { sessions, forwarding } = broker
  const live = await openLive(broker, { newest: config.history, retention: toRetention(config) })
  building.defer(broker.end)
  acl.onChange(() => void live.hub.recheck())
  await followReadings(broker, readings.note)
  metrics.watchStore({ outage: broker.outage, log: live.log.usage, folder: broker.folder })
  if (broker.uplink) metrics.watchUplink(broker.uplink)

  const { readTopics } = live.reader
  const freshness = await openFreshness(config, { broker, catalog, reports, readTopics })
  building.defer(freshness.close)
  metrics.watchPresence(freshness)
  const relay = createIntake(config, { broker, denials, meter })
  const name = devices.trust.current.certificate.subjectName
  if (config.bridge) {
    // the client for other brokers takes long to load
    const { openBridge } = await import('./bridge/bridge.ts')
    bridge = await openBridge(config, { broker, forwarding, name, relay, meter, log })
  }
  if (bridge) {
    building.defer(bridge.close)
    metrics.watchBridge(bridge)
  }
  const turns = createTurns(meter.turnAwaited)
  const commands = createCommands({ sessions, ids: live.ids, denials, reports, settings: config })
  const forMqtt = { sessions, relay, accessOf, denials, memory, meter, log, turns }
  const mqtt = createMqttHost({ ...forMqtt, settings: config })
  const house = {
    acl,
    broker,
    catalog,
    commands,
    denials,
    devices,
    guards,
    live,
    mqtt,
    relay,
    reports,
    turns,
  }
  let doors: Doors | null = null
  const proxied = () => doors?.proxied() ?? []
  building.use(await openOperators(config, { ...house, readings, proxied }))
  const opened = await openDoors(config, house, { metrics, readings, bridge })
  doors = building.use(opened)

  const running = building.move()
  return {
    doors: opened.open,
    async reload() {
      await Promise.all([acl.reload(), devices.trust.reload(), catalog.reload()])
    },
    async drain() {
      // before the doors close under them, so that clients hear why
      const finished = [sessions.endAll(), opened.drain()]
      live.hub.endAll()
      commands.endAll()
      const deadline = setTimeout(config.drainSeconds * 1000, null, { ref: false })
      await Promise.race([Promise.all(finished), deadline])
      await running.disposeAsync()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
