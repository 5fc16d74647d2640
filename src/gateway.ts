import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createAccess } from './acl/access.ts'
import { createDenials } from './acl/denials.ts'
import { followAcl } from './acl/follow.ts'
import type { Bridge } from './bridge/bridge.ts'
import { forwardSelectionOf } from './bridge/forward-selection.ts'
import { openBroker } from './broker/open.ts'
import type { StoreThread } from './broker/store/store-thread.ts'
import { followTopicsFile } from './catalog/follow.ts'
import { createCommands } from './commands/commands.ts'
import type { Config } from './config/load.ts'
import type { Doors } from './doors/doors.ts'
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

/** A running gateway. */
export interface Gateway extends AsyncDisposable {
  readonly doors: OpenDoors
  /** Reads the ACL, trust and topics files again. */
  reload(): Promise<void>
  /** Takes nothing new, finishes what is in flight within `drainSeconds`, and closes. */
  drain(): Promise<void>
}

/** Builds everything that a running gateway is made of; it is closed in reverse. `thread` is that of the store, if it runs. */
export async function openGateway(
  config: Config,
  log: Logger,
  thread: StoreThread | null = null,
): Promise<Gateway> {
  await using building = new AsyncDisposableStack()
  const { metrics, readings } = createGatewayMetrics(config.readings)
  const { meter } = metrics
  const reports = createReports(meter, log)
  const { retention } = config.broker
  const { maxPayloadBytes } = config.publishing

  const acl = await followAcl(config.access.aclFile, reports)
  building.defer(acl.close)
  const catalog = await followTopicsFile(config.topics, reports)
  building.defer(catalog.close)
  const devices = await openDevices(config.trust, reports)
  building.defer(devices.close)
  const guards = createMemoryGuards(config.memory, reports)
  const { memory } = guards
  metrics.watchMemory(Object.values(guards))

  const denials = createDenials(log)
  const accessOf = (user: string, clientId: string) => createAccess(acl, { user, clientId })
  let bridge: Bridge | null = null
  const openingBroker = openBroker(config.broker, {
    rules: { ...config.publishing, idPattern: config.trust.idPattern },
    accessOf,
    onRightsChange: acl.onChange,
    memory,
    meter,
    log,
    thread,
    forwardSelection: forwardSelectionOf(config.bridge),
    onUnforwarded: (count) => bridge?.noteDeleted(count),
  })
  // the doors take long to load; meanwhile the thread opens the store
  const loadingDoors = import('./doors/doors.ts')
  // a failure is reported where it is awaited, so that everything is closed in order
  loadingDoors.catch(() => {})
  const broker = await openingBroker
  building.defer(broker.close)
  const { sessions, forwardPosition } = broker
  const { newestMessages } = config.streams
  const live = await openLive(broker, { newestMessages, retention, log })
  building.defer(broker.end)
  acl.onChange(() => void live.hub.recheck())
  await followReadings(broker, readings.note)
  metrics.watchStore({ outage: broker.outage, log: live.log.usage, folder: broker.folder })
  if (broker.uplink) metrics.watchUplink(broker.uplink)

  const { readTopics } = live.reader
  const forFreshness = { broker, catalog, reports, readTopics, ttlMs: retention.topicTtlMs }
  const freshness = await openFreshness(config.topics, forFreshness)
  building.defer(freshness.close)
  metrics.watchPresence(freshness)
  const relay = createIntake(config.publishing, { broker, denials, meter })
  const name = devices.trust.current.certificate.subjectName
  if (config.bridge.urls) {
    // the client for other brokers takes long to load
    const { openBridge } = await import('./bridge/bridge.ts')
    const forBridge = { broker, forwardPosition, name, maxPayloadBytes, relay, meter, log }
    bridge = await openBridge(config.bridge, forBridge)
  }
  if (bridge) {
    building.defer(bridge.close)
    metrics.watchBridge(bridge)
  }
  const turns = createTurns(meter.turnAwaited)
  const forCommands = { sessions, ids: live.ids, denials, reports, maxPayloadBytes }
  const commands = createCommands(config.commands, forCommands)
  const forMqtt = { sessions, relay, accessOf, denials, memory, meter, log, turns, maxPayloadBytes }
  const mqtt = createMqttHost({ ...forMqtt, settings: config.mqtt, stallMs: config.http.stallMs })
  const parts = { acl, broker, catalog, denials, devices, guards, live, reports, turns }
  const house = { ...parts, commands, mqtt, relay }
  let doors: Doors | null = null
  const proxied = () => doors?.proxied() ?? []
  building.use(await openOperators(config.access, { ...house, readings, proxied }))
  const { openDoors } = await loadingDoors
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
      const deadline = setTimeout(config.process.drainMs, null, { ref: false })
      await Promise.race([Promise.all(finished), deadline])
      await running.disposeAsync()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
