import type { Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config/load.ts'
import type { ProxyAddress } from '../config/values/network.ts'
import type { Admissions } from '../door/admissions.ts'
import type { BindTo } from '../door/bind.ts'
import { availableSlots, createConnectionSlots } from '../door/connection-slots.ts'
import { listen, type OpenDoor } from '../door/listen.ts'
import type { DoorOptions } from '../door/options.ts'
import { type Door, doorsWith } from '../door-table.ts'
import { closeApp, drainApp } from '../http/app.ts'
import type { App } from '../http/fastify.ts'
import { PLAIN_HTTP } from '../http/plain-http.ts'
import { nameOf } from '../identity/connection.ts'
import { createRefusals, refusalOf } from '../identity/refusals.ts'
import type { Reports } from '../metrics/reports.ts'
import { createDoorArrivals, createDoorGuards, createPlainLog, OPS_CONNECTIONS } from './guards.ts'

/** The address of each open door of a process; a door that is off is missing. */
export type OpenDoors = Partial<Record<Door, OpenDoor>>

/** Opens the doors of one process, one after the other. */
export interface Opener extends AsyncDisposable {
  readonly doors: OpenDoors
  readonly admissions: Admissions
  /** The most connections without an identity that one door keeps open. */
  readonly maxStrangers: number
  open(door: Door, address: ProxyAddress, server: Server, special?: Special): Promise<void>
  openHttp(door: Door, address: ProxyAddress, app: HttpApp, special?: Special): Promise<void>
  /** Accepts nothing new on any door except those for operators, and resolves once requests in flight are answered. */
  drain(): Promise<unknown>
}

/** Options of one door that differ from the others'. */
export type Special = Partial<DoorOptions>
type HttpApp = App | FastifyInstance

const FOR_OPERATORS: readonly Door[] = doorsWith({ hasTls: false })
/** Doors whose handshake identifies the client. */
const FOR_DEVICES: readonly Door[] = doorsWith({ speaksMqtt: true })

/** `process` is the one whose doors these are; no client of the doors of `enrol` has an identity. */
export async function createOpener(
  process: 'serve' | 'enrol',
  { connections: settings, balancers }: Pick<Config, 'connections' | 'balancers'>,
  reports: Reports,
): Promise<Opener> {
  const { meter, log, warn } = reports
  const opened = new AsyncDisposableStack()
  const slots = createConnectionSlots(await availableSlots())
  const wanted = settings.maxConnections + settings.maxStrangers
  if (process === 'serve' && slots.total < wanted)
    log.warn(
      { connections: slots.total, wanted },
      'the limit on file descriptors (LimitNOFILE, ulimit -n) is too low for WOTT_MAX_CONNECTIONS and WOTT_MAX_STRANGERS',
    )
  const maxStrangers = process === 'serve' ? slots.forStrangers : slots.total
  const admissions = createDoorGuards(settings, maxStrangers, reports)
  const refusals = createRefusals(log)
  const doors: OpenDoors = {}
  const draining: (() => unknown)[] = []

  /** The options of every door except those for operators, which have no TLS. */
  const guarded = (door: Door): Special => ({
    maxConnections: admissions.mostConnections,
    admission: admissions.of(door),
    slots,
    arrivals: createDoorArrivals(door, balancers, settings.maxStrangers, reports),
    plain: PLAIN_HTTP,
    onPlain: createPlainLog(door, reports),
    onRefused: (socket, error) => refusals.note(door, socket, error),
    ...(FOR_DEVICES.includes(door) ? { refusal: refusalOf, nameOf } : {}),
  })

  async function begin(
    door: Door,
    address: NonNullable<ProxyAddress>,
    server: Server,
    special: Special,
  ): Promise<OpenDoor> {
    const one = await listen(server, {
      door,
      address,
      meter,
      // these use some of the file descriptors that devices cannot take
      maxConnections: Math.min(settings.maxConnections, OPS_CONNECTIONS),
      onFull: () => warn(door, { door }, 'the maximum number of connections is reached'),
      ...(FOR_OPERATORS.includes(door) ? {} : guarded(door)),
      ...special,
    })
    opened.defer(() => one.close())
    doors[door] = one
    log.info({ door, address: one.address }, 'listening')
    return one
  }

  return {
    doors,
    admissions,
    maxStrangers,
    async open(door, address, server, special = {}) {
      if (address === null) return
      const one = await begin(door, address, server, special)
      draining.push(() => one.stopAccepting())
    },
    async openHttp(door, address, app, special = {}) {
      await app.ready()
      opened.defer(() => closeApp(app))
      if (address === null) return
      const server = app.server as Server
      const bind = (to: BindTo) => app.listen(to)
      const one = await begin(door, address, server, { bind, ...special })
      if (FOR_OPERATORS.includes(door)) return
      draining.push(() => drainApp(app, one))
    },
    drain: () => Promise.all(draining.map((finish) => finish())),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
