import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { pino } from 'pino'
import { createDeviceDoor } from '../../src/http/device-door.ts'
import { createOpsDoor } from '../../src/http/ops-door.ts'
import type { QuerySchema } from '../../src/http/query-schema.ts'
import { createViewerDoor } from '../../src/http/viewer-door.ts'
import { connectionSenders } from '../../src/identity/senders.ts'
import { DOORS, type HttpDoor } from '../../src/reference/doors.ts'
import type { Operation } from '../../src/reference/operation.ts'
import { OPERATIONS, type OperationId } from '../../src/reference/reference.ts'
import { HTTP_LIMITS } from './http-limits.ts'

// the routes are registered but never called, so their dependencies can be missing
const NOTHING = {
  log: pino({ level: 'silent' }),
  trust: { context: {} },
  settings: HTTP_LIMITS.settings,
  senders: connectionSenders,
} as never

const OPEN: Record<HttpDoor, () => { ready(): unknown; close(): unknown }> = {
  device: () => createDeviceDoor(NOTHING),
  viewer: () => createViewerDoor(NOTHING),
  ops: () => createOpsDoor(NOTHING),
}

/** The routes of a door as Fastify knows them. */
async function routesOf(door: HttpDoor): Promise<RouteOptions[]> {
  const routes: RouteOptions[] = []
  const initialization = channel('fastify.initialization')
  const note = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', (route) => void routes.push(route))
  }
  initialization.subscribe(note)
  const app = OPEN[door]()
  initialization.unsubscribe(note)
  await app.ready()
  await app.close()
  // HEAD is left out, as every GET implies it
  return routes.filter(({ method }) => method !== 'HEAD')
}

/** An operation of the reference with its route. */
export interface DescribedRoute {
  readonly id: OperationId
  readonly operation: Operation
  /** The schema that Fastify validates queries with; undefined without one. */
  readonly querystring: QuerySchema | undefined
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** `/topics/{topic}` */
  readonly path: string
  readonly doors: readonly HttpDoor[]
}

/** All operations with their routes, in the order of the reference. Throws at a route without an operation and the reverse. */
export async function describeRoutes(): Promise<DescribedRoute[]> {
  const found = new Map<OperationId, DescribedRoute>()
  for (const door of Object.keys(DOORS) as HttpDoor[])
    for (const { method, url, config, schema } of await routesOf(door)) {
      const id = config?.operation as OperationId
      assert.ok(
        Object.hasOwn(OPERATIONS, id ?? ''),
        `${method} ${url} of the ${door} door names no operation of the reference`,
      )
      const operation: Operation = OPERATIONS[id]
      assert.ok(!(schema?.querystring && operation.querystring), `the query of ${id} is told twice`)
      const [parameter] = Object.keys(operation.params?.properties ?? {})
      const path = url.replace(/\*|:\w+/, `{${parameter}}`)
      const doors = [...(found.get(id)?.doors ?? []), door]
      const { querystring } = schema ?? {}
      const route = { id, operation, method, path, doors, querystring } as DescribedRoute
      assert.deepEqual({ ...route, doors: null }, { ...(found.get(id) ?? route), doors: null })
      found.set(id, route)
    }
  return (Object.keys(OPERATIONS) as OperationId[]).map((id) => {
    const route = found.get(id)
    assert.ok(route, `no route names the operation ${id}`)
    return route
  })
}
