import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { createAccess } from './acl/access.ts'
import { createDenials } from './acl/denials.ts'
import { followAcl } from './acl/follow.ts'
import { type Bridge, forwardedBy, openBridge } from './bridge/bridge.ts'
import { openBroker, toRetention } from './broker/open.ts'
import { createRateLimit } from './budget/rate-limit.ts'
import { openTopicsFile } from './catalog/topics-file.ts'
import { createCommands } from './commands/commands.ts'
import type { Config } from './config/load.ts'
import { type Doors, openDoors } from './doors/doors.ts'
import type { OpenDoors } from './doors/opener.ts'
import { openFreshness } from './freshness/freshness.ts'
import { createMemoryGuards } from './http/memory-guards.ts'
import { openDevices } from './identity/devices.ts'
import { openLive } from './live/live.ts'
import { createMetrics } from './metrics/prometheus.ts'
import { createReadings } from './metrics/readings.ts'
import { createReports } from './metrics/reports.ts'
import { createMqttHost } from './mqtt/mqtt.ts'
import { openOperators } from './operators/operators.ts'
import { GATEWAY_NAME } from './presence/own-messages.ts'
import { createRelay } from './relay/relay.ts'
import { createTurns } from './turns/turns.ts'
import { VERSION } from './version.ts'

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
  const readings = createReadings({
    series: config.readingSeries,
    perDevice: config.readingSeriesPerDevice,
    ttl: config.readingTtl * 1000,
  })
  const metrics = createMetrics(readings, { version: VERSION, node: process.version })
  const { meter } = metrics
  const reports = createReports(meter, log)

  const acl = await followAcl(config.aclFile, reports)
  building.defer(acl.close)
  const catalog = await openTopicsFile(config, reports)
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
    forwarded: config.bridge ? forwardedBy(config.bridgeTopics) : null,
    onUnforwarded: (count) => bridge?.noteDeleted(count),
  })
  building.defer(broker.close)
  const { sessions, forwarding } = broker
  const live = await openLive(broker, { newest: config.history, retention: toRetention(config) })
  building.defer(broker.end)
  acl.onChange(() => void live.hub.recheck())
  // all that comes, and nothing has to be asked for
  await broker.follow((delivery) => {
    if (!delivery.topic.startsWith('$') && delivery.device !== GATEWAY_NAME) readings.note(delivery)
  })
  metrics.watchStore({ outage: broker.outage, log: live.log.usage, folder: broker.folder })
  if (broker.uplink) metrics.watchUplink(broker.uplink)

  const { readTopics } = live.reader
  const freshness = await openFreshness(config, { broker, catalog, reports, readTopics })
  building.defer(freshness.close)
  metrics.watchPresence(freshness)
  const relay = createRelay({
    broker,
    denials,
    meter,
    rateLimit: createRateLimit(config.publishRate, config.publishBurst),
    maxPayload: config.maxPayload,
    timeBounds: { past: config.readingPast * 1000, future: config.readingFuture * 1000 },
  })
  if (config.bridge && forwarding) {
    const name = devices.trust.current.certificate.subjectName
    const { bridge: urls } = config
    bridge = await openBridge({
      urls,
      settings: config,
      broker,
      forwarding,
      name,
      relay,
      meter,
      log,
    })
    building.defer(bridge.close)
    metrics.watchBridge(bridge)
  }
  const turns = createTurns(meter.turnAwaited)
  const commands = createCommands({
    sessions,
    ids: live.ids,
    denials,
    reports,
    settings: config,
  })
  const mqtt = createMqttHost({
    sessions,
    relay,
    accessOf,
    denials,
    memory,
    meter,
    log,
    turns,
    settings: config,
  })
  let doors: Doors | null = null
  const proxied = () => doors?.proxied() ?? []
  const operators = { acl, broker, devices, live, proxied, readings, reports }
  building.use(await openOperators(config, operators))
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
  const opened = building.use(await openDoors(config, house, { metrics, readings, bridge }))
  doors = opened

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
