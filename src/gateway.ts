import type { Server } from 'node:net'
import { dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Server as TlsServer } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { createAccess } from './acl/access.ts'
import { createDenials } from './acl/denials.ts'
import { openAcl } from './acl/reload.ts'
import { createAdminCommands, createStoreCommands, removeOldCopies } from './admin/commands.ts'
import { adminSockets } from './admin/place.ts'
import { openAdminSocket } from './admin/socket.ts'
import { type Bridge, forwardedBy, openBridge } from './bridge/bridge.ts'
import { openBroker, toRetention } from './broker/open.ts'
import { createCommands } from './commands/commands.ts'
import type { Config } from './config/load.ts'
import type { ProxyAddress } from './config/values.ts'
import { exists } from './disk/exists.ts'
import { isOutOfDescriptors } from './disk/watched-file.ts'
import { availableSlots, createConnectionSlots } from './door/connection-slots.ts'
import { type BindTo, type DoorOptions, listen, type OpenDoor } from './door/listen.ts'
import { GatewayError, messageOf } from './errors.ts'
import { openFreshness, openTopicsFile } from './freshness.ts'
import {
  createDismissalLog,
  createDoorArrivals,
  createDoorGuards,
  createMemoryGuards,
  createPlainLog,
  createUpgradeLog,
  OPS_CONNECTIONS,
} from './guards.ts'
import { closeApp, drainApp } from './http/app.ts'
import { createDeviceDoor } from './http/device-door.ts'
import type { App } from './http/fastify.ts'
import { createOpsDoor } from './http/ops-door.ts'
import { PLAIN_HTTP } from './http/plain-http.ts'
import { createViewerDoor } from './http/viewer-door.ts'
import { createDeviceConnections, identityOf, nameOf } from './identity/connection.ts'
import { createSpoofDetector } from './identity/proxy/spoofed.ts'
import { createRefusals, refusalOf } from './identity/refusals.ts'
import { connectionSenders } from './identity/senders.ts'
import { fatalProblem, problemsOf, trustSummary } from './identity/trust-problems.ts'
import { openTrust } from './identity/trust-source.ts'
import { createEventIds } from './live/event-ids.ts'
import { createHistory } from './live/history.ts'
import { createHub } from './live/hub.ts'
import { createLogReader } from './live/log-reader.ts'
import { createMemoryHistory, logInMemory } from './live/memory-history.ts'
import { createLogLimit } from './log-limit.ts'
import type { Door } from './metrics/meter.ts'
import { createMetrics } from './metrics/prometheus.ts'
import { createReadings } from './metrics/readings.ts'
import { createMqttServer, createMqttUpgrade, PLAIN_MQTT } from './mqtt/listeners.ts'
import { createMqttHost } from './mqtt/mqtt.ts'
import { namedAt } from './named.ts'
import { GATEWAY } from './presence/own-messages.ts'
import { openProxyDoor, type ProxyDoor, proxyAdmission } from './proxy-door.ts'
import { createRateLimit } from './relay/rate-limit.ts'
import { createRelay } from './relay/relay.ts'
import { createAclLog, createTrustLog } from './reload-log.ts'
import { createTurns } from './turns.ts'
import { VERSION } from './version.ts'
import { openViewers } from './viewer/viewers.ts'
import { listClients } from './visitors/clients.ts'
import { ownCertificates, watchEndingCertificates } from './visitors/ending-certificates.ts'
import { logLostRights } from './visitors/lost-rights.ts'
import { logRevoked } from './visitors/revoked.ts'
import { createViewerLog } from './visitors/viewer-log.ts'

export interface Gateway extends AsyncDisposable {
  /** Where each door listens; a door that is off is not here. */
  readonly doors: Partial<Record<Door, OpenDoor>>
  /** Reads the ACL, trust and topics files again. */
  reload(): Promise<void>
  /** Takes nothing new, finishes what is in flight within `drainSeconds`, and closes. */
  drain(): Promise<void>
}

/** Bytes of the newest messages that are kept in memory, besides those on the disk. */
const NEWEST_BYTES = 16 * 1024 * 1024

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
  const onFailure = (error: unknown) => {
    if (isOutOfDescriptors(error)) meter.descriptorsExhausted()
  }

  const logAcl = createAclLog(config.aclFile, log)
  const acl = await openAcl(config.aclFile, {
    watch: true,
    onFailure,
    onReload(result) {
      meter.aclLoaded(result.ok ? result.rules : null)
      logAcl(result)
    },
  })
  meter.aclLoaded(acl.current.size)
  building.defer(() => acl.close())

  const catalog = await openTopicsFile(config, log, onFailure)
  building.defer(() => catalog.close())

  const logLimited = createLogLimit()
  const { memory, strangers } = createMemoryGuards(config, { logLimited, log })
  metrics.watchMemory([memory, strangers])
  const denials = createDenials(log)
  const refusals = createRefusals(log)

  const trust = await openTrust(config, {
    meter,
    onFailure,
    onReload: createTrustLog(log, 'certificate files', () => trustSummary(trust.current)),
    onUseless(reason) {
      if (reason) log.error({ reason }, 'nobody can connect with these certificates')
      else log.info('devices can connect again')
    },
  })
  building.defer(() => trust.close())

  const connections = createDeviceConnections({
    pattern: config.idPattern,
    trust: () => trust.current,
    mostRemembered: config.rememberedCertificates,
    onForgotten: meter.certificateForgotten,
    onDismissed: createDismissalLog({ logLimited, log }),
  })
  building.defer(() => connections.close())

  const folder = config.broker.kind === 'file' ? config.broker.path : null
  const accessOf = (device: string, clientId: string) =>
    createAccess(acl, { user: device, clientId })
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
  building.defer(() => broker.close())

  const ids = createEventIds(broker.log.epoch(), broker.log.oldNumbers())
  const inMemory = folder
    ? null
    : createMemoryHistory({ ...toRetention(config), messages: config.history }, ids.of)
  // with a disk the rest is read from there
  const newest = {
    messages: config.history,
    bytes: Math.min(config.historyBytes, NEWEST_BYTES),
  }
  const history = inMemory ?? createHistory(broker.log.start(), newest, ids.of)
  const brokerLog = inMemory ? logInMemory(broker.log, inMemory) : broker.log
  metrics.watchStore({
    problem: broker.problem,
    log: brokerLog.usage,
    folder,
  })
  if (broker.uplink) metrics.watchUplink(broker.uplink)
  building.defer(() => broker.end())

  const reader = createLogReader(brokerLog, history, ids)

  const hub = createHub(history, ids, broker.subscribe)
  acl.onChange(() => void hub.recheck())
  broker.whenBack(hub.missed)
  await broker.follow(hub.note)
  // all that comes, and nothing has to be asked for
  await broker.follow((delivery) => {
    if (!delivery.topic.startsWith('$') && delivery.device !== GATEWAY) readings.note(delivery)
  })
  const freshness = await openFreshness(config, {
    broker,
    catalog,
    log,
    logLimited,
    readTopics: reader.readTopics,
  })
  building.defer(() => freshness.close())
  metrics.watchPresence(freshness)
  const relay = createRelay({
    broker,
    denials,
    meter,
    rateLimit: createRateLimit(config.publishRate, config.publishBurst),
    maxPayload: config.maxPayload,
    timeBounds: { past: config.readingPast * 1000, future: config.readingFuture * 1000 },
  })
  if (config.bridge && broker.forwarding) {
    bridge = await openBridge({
      urls: config.bridge,
      settings: config,
      broker,
      forwarding: broker.forwarding,
      name: trust.current.certificate.subjectName,
      relay,
      meter,
      log,
    })
    building.defer(bridge.close)
    metrics.watchBridge(bridge)
  }
  const turns = createTurns(meter.turnAwaited)
  const commands = createCommands({
    sessions: broker.sessions,
    ids,
    denials,
    meter,
    settings: config,
    onFull: (device) =>
      logLimited(`polls\0${device}`, (repeated) =>
        log.warn({ device, ...repeated }, 'as many requests wait for commands as there may be'),
      ),
  })
  const mqtt = createMqttHost({
    sessions: broker.sessions,
    relay,
    accessOf,
    denials,
    memory,
    meter,
    log,
    turns,
    settings: config,
  })

  const { certificateEnds, certificateEnd } = readings
  let proxied: ProxyDoor | null = null
  const present = {
    sessions: broker.sessions,
    hub,
    connections,
    certificateEnd,
    proxied: () => proxied?.senders.all() ?? [],
  }
  const clients = (names: ReadonlySet<string> | null) => listClients(present, names)
  const days = config.certificateWarningDays
  const own = () => ownCertificates(trust.current)
  building.defer(watchEndingCertificates({ ends: certificateEnds, own, days, log }))
  let trusted = trust.current
  trust.onChange((current) => {
    logRevoked(trusted, current, log)
    trusted = current
  })
  let rules = acl.current
  acl.onChange(() => {
    const before = rules
    rules = acl.current
    void logLostRights(present, before, rules, log)
  })
  const adminCommands = {
    ...createAdminCommands({ lastSeen: readings.lastSeen, clients }),
    ...(folder && broker.admin ? createStoreCommands(folder, broker.admin, log) : {}),
  }
  if (folder && broker.admin) await removeOldCopies(folder)
  const { adminSocket: wanted, viewersFile } = config
  for (const path of adminSockets({ folder, wanted, viewersFile })) await openAdmin(path)

  async function openAdmin(path: string): Promise<void> {
    // of a gateway that has neither a store nor a viewer yet
    if (wanted === undefined && !exists(dirname(path))) return
    try {
      building.use(await openAdminSocket(path, adminCommands))
    } catch (error) {
      // where the path is too long for a socket, on a system that is not Linux, say
      log.warn({ path, reason: messageOf(error) }, 'nobody can ask this gateway who is connected')
    }
  }

  const slots = createConnectionSlots(await availableSlots())
  if (slots.total < config.maxConnections + config.maxStrangers)
    log.warn(
      { connections: slots.total, wanted: config.maxConnections + config.maxStrangers },
      'the limit on file descriptors (LimitNOFILE, ulimit -n) is too low for as many connections',
    )
  const maxStrangers = slots.forStrangers
  const guards = { maxStrangers, meter, logLimited, log }
  const admissions = createDoorGuards(config, guards)
  const doors: Partial<Record<Door, OpenDoor>> = {}
  const draining: (() => Promise<unknown>)[] = []
  let stopping = false

  async function openDoor(
    door: Door,
    address: ProxyAddress,
    server: Server,
    special: Partial<DoorOptions> = {},
  ): Promise<void> {
    if (address === null) return
    const opened = await listen(server, {
      door,
      address,
      meter,
      // the ops door has some of the descriptors that no device can take
      ...(door === 'ops'
        ? { maxConnections: Math.min(config.maxConnections, OPS_CONNECTIONS) }
        : {
            maxConnections: admissions.mostConnections,
            admission: admissions.of(door),
            slots,
            arrivals: createDoorArrivals(door, config, { meter, logLimited, log }),
            plain: door === 'mqtt' ? PLAIN_MQTT : PLAIN_HTTP,
            onPlain: createPlainLog(door, { logLimited, log }),
          }),
      // whoever looks shows no certificate
      ...(door === 'viewer' ? {} : { refusal: refusalOf, nameOf }),
      onRefused: (socket, error) => refusals.note(door, socket, error),
      onFull: () =>
        logLimited(door, (repeated) =>
          log.warn({ door, ...repeated }, 'as many connections as there may be'),
        ),
      ...special,
    })
    building.defer(() => opened.close())
    doors[door] = opened
    log.info({ door, address: opened.address }, 'listening')
  }

  async function openHttpDoor(
    door: Door,
    address: ProxyAddress,
    app: App | FastifyInstance,
    special: Partial<DoorOptions> = {},
  ) {
    await app.ready()
    building.defer(() => closeApp(app))
    const server = app.server as Server
    const bind = (to: BindTo) => app.listen(to)
    await openDoor(door, address, server, { bind, ...special })
    if (door !== 'ops') draining.push(() => drainApp(app, doors[door]))
    // Fastify closes only what it has opened itself, which is no Unix socket
    if (address && 'path' in address)
      draining.push(() => new Promise((resolve) => server.close(resolve)))
  }

  /** Follows the trust files without dropping a connection. */
  function secured(server: TlsServer): TlsServer {
    trust.onChange(({ context }) => server.setSecureContext(context))
    return server
  }

  const mqttServer = secured(createMqttServer(trust.current, mqtt))
  const reading = {
    acl,
    denials,
    hub,
    memory,
    strangers,
    meter,
    turns,
    log,
    settings: config,
    broker: { ...broker, log: brokerLog },
    reader,
    catalog,
    trust: trust.current,
    maxStreams: config.maxStreams,
    maxStreamsPerReader: config.maxStreamsPerReader,
    buffer: config.streamBuffer,
    stall: config.streamStall * 1000,
    onSlow: (door: Door, id: string) =>
      logLimited(`${door}\0${id}`, (repeated) =>
        log.warn({ door, ...namedAt(door, id), ...repeated }, 'a stream reader does not keep up'),
      ),
  }
  const { proxyCertHeader, proxyVerifyHeader, proxyChainHeader } = config
  const isSpoofed = createSpoofDetector({
    certificate: proxyCertHeader,
    verify: proxyVerifyHeader,
    chain: proxyChainHeader,
  })
  /** Counts requests that claim to come through the proxy, on every other door. */
  const directTo = (door: Door) => ({
    onRequest(request: Parameters<typeof isSpoofed>[0]) {
      if (isSpoofed(request)) meter.identityHeaderIgnored(door)
    },
  })
  const forDevices = {
    ...reading,
    relay,
    commands,
    keys: broker.keys,
    maxPollWait: config.maxPollWait,
    mqtt: createMqttUpgrade(mqtt, memory),
    maxPayload: config.maxPayload,
    onUpgradeRefused: createUpgradeLog({ logLimited, log }),
    influx: { topic: config.influxTopic, retain: config.influxRetain === 'on' },
    onTooLarge: (door: Door, id: string, limit: number) =>
      logLimited(`large\0${id}`, (repeated) =>
        log.warn({ door, device: id, limit, ...repeated }, 'refused a payload that is too large'),
      ),
  }
  const device = createDeviceDoor({
    ...forDevices,
    door: 'device',
    senders: connectionSenders,
    ...directTo('device'),
    admit: ({ socket }) => refusalOf(socket),
  })
  proxied = await openProxyDoor(config, {
    trust,
    meter,
    logLimited,
    log,
    onVerified: ({ id, notAfter }) => readings.noteCertificate(id, notAfter),
  })
  const proxy =
    proxied &&
    createDeviceDoor({
      ...forDevices,
      door: 'proxy',
      senders: proxied.senders,
      trust: proxied.trust,
      admit: proxied.admit,
      isShared: true,
    })
  building.defer(() => proxied?.close())
  const viewerLog = createViewerLog(log)
  const viewers = await openViewers(config.viewersFile, {
    onFailure,
    onChange: viewerLog.changed,
    onExpired: viewerLog.expired,
    onProblem(problem) {
      if (problem === null) log.info({ file: config.viewersFile }, 'viewers can log in again')
      else log.error({ reason: problem }, 'nobody can be logged in')
    },
  })
  building.defer(() => viewers.close())
  const viewer = createViewerDoor({
    ...reading,
    viewers,
    ...directTo('viewer'),
    visits: viewerLog,
    onSession: (peer, name) => void admissions.of('viewer').identified(peer, name),
  })
  const files = {
    acl: acl.problem,
    certificates: trust.problem,
    viewers: viewers.problem,
    ...(config.topicsFile ? { topics: catalog.problem } : {}),
  }
  metrics.watchFiles(files)
  const ops = createOpsDoor({
    metrics,
    door: 'ops',
    ...directTo('ops'),
    settings: config,
    readiness: () => ({
      doors: missingDoors(),
      broker: broker.problem(),
      certificates: fatalProblem(trust.current, Date.now()),
      draining: stopping ? 'the gateway is stopping' : null,
    }),
    degradation: () => ({
      store: [broker.damage()],
      broker: [broker.degraded()],
      certificates: problemsOf(trust.current, Date.now()),
      files: Object.values(files).map((problem) => problem()),
      ...(bridge ? { bridge: [bridge.problem()] } : {}),
    }),
  })
  function missingDoors(): string | null {
    const missing = WANTED.filter(([door, setting]) => config[setting] !== null && !doors[door])
    return missing.length === 0
      ? null
      : `not listening: ${missing.map(([door]) => door).join(', ')}`
  }

  for (const [door, server] of [
    ['mqtt', mqttServer],
    ['device', secured(device.server)],
  ] as const) {
    connections.identify(server, door)
    server.on('secureConnection', (socket) => {
      const who = identityOf(socket)
      if (!(who instanceof GatewayError)) readings.noteCertificate(who.id, who.notAfter)
    })
  }
  secured(viewer.server)
  trust.onChange(() => void connections.recheck())
  trust.onChange(() => void proxied?.recheck())
  if (proxied && proxy) proxied.watch(proxy.server)

  // readiness can be asked first, and says no until the last door is open
  await openHttpDoor('ops', config.opsListen, ops)
  await openDoor('mqtt', config.mqttListen, mqttServer)
  draining.push(async () => doors.mqtt?.stopAccepting())
  await openHttpDoor('viewer', config.viewerListen, viewer)
  if (proxy) await openHttpDoor('proxy', config.proxyListen, proxy, proxyAdmission(config, guards))
  await openHttpDoor('device', config.deviceListen, device)

  const running = building.move()
  return {
    doors,
    async reload() {
      await Promise.all([acl.reload(), trust.reload(), catalog.reload()])
    },
    async drain() {
      stopping = true
      // before the doors close under them, so that clients hear why
      const finished = [broker.sessions.endAll(), ...draining.map((finish) => finish())]
      hub.endAll()
      commands.endAll()
      const deadline = setTimeout(config.drainSeconds * 1000, null, { ref: false })
      await Promise.race([Promise.all(finished), deadline])
      await running.disposeAsync()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

const WANTED = [
  ['device', 'deviceListen'],
  ['proxy', 'proxyListen'],
  ['mqtt', 'mqttListen'],
  ['viewer', 'viewerListen'],
  ['ops', 'opsListen'],
] as const
