// Makes openapi/openapi.json from the routes of the doors, each with its operation in the reference.
import { isDeepStrictEqual } from 'node:util'
import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import { ERROR_CODES } from '../../src/errors.ts'
import { DOORS, SECURITY } from '../../src/reference/doors.ts'
import { INTRODUCTION, LICENSE } from '../../src/reference/info.ts'
import { TAGS } from '../../src/reference/operation.ts'
import { exampleOf } from '../../src/reference/problems.ts'
import { SCHEMAS } from '../../src/reference/reference.ts'
import { VERSION } from '../../src/version.ts'
import { HEADERS, header, refusal, refusalsOf, securityOf } from './refusals.ts'
import { type DescribedRoute, describeRoutes } from './routes.ts'

type Named = Record<string, unknown>

/** The parts of an OpenAPI operation that are changed here. */
interface Operation {
  description?: string
  parameters?: Named[]
  servers?: unknown[]
  requestBody?: { required?: boolean }
  security?: object[]
  responses: Record<string, { headers?: object; content?: object }>
}

interface Document {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: Record<string, Named>
}

export async function openapi(): Promise<object> {
  const routes = await describeRoutes()
  const document = await bookOf(routes)
  for (const route of routes)
    complete(document.paths[route.path]?.[route.method.toLowerCase()] as Operation, route)
  const referred = JSON.stringify(document.paths)
  const alone = ERROR_CODES.filter((code) => referred.includes(`"#/components/responses/${code}"`))
  Object.assign(document.components, {
    securitySchemes: SECURITY,
    headers: HEADERS,
    parameters: shareParameters(document),
    responses: Object.fromEntries(alone.map((code) => [code, refusal(code)])),
    examples: Object.fromEntries(ERROR_CODES.map((code) => [code, { value: exampleOf(code) }])),
  })
  return document
}

/** The document that @fastify/swagger makes of routes. */
async function bookOf(routes: readonly DescribedRoute[]): Promise<Document> {
  const book = Fastify()
  book.setValidatorCompiler(() => () => true)
  book.setSerializerCompiler(() => JSON.stringify)
  await book.register(swagger, {
    openapi: {
      openapi: '3.1.1',
      info: {
        title: 'wott-gateway',
        version: VERSION,
        description: INTRODUCTION,
        license: LICENSE,
      },
      servers: [DOORS.device.server, DOORS.viewer.server],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    },
    refResolver: { buildLocalReference: ({ $id }) => String($id) },
  })
  for (const [name, schema] of Object.entries(SCHEMAS)) book.addSchema({ $id: name, ...schema })
  for (const { id, operation, method, path, querystring } of routes) {
    const { errors, session, bodyOptional, ...schema } = operation
    book.route({
      method,
      url: path.replace(/\{(\w+)\}/, ':$1'),
      handler: () => {},
      schema: { operationId: id, ...schema, ...(querystring && { querystring }) },
    })
  }
  await book.ready()
  return book.swagger() as unknown as Document
}

/** Adds the servers, security and refusals of an operation. */
function complete(described: Operation, route: DescribedRoute): void {
  const { doors, operation } = route
  const where = `On the ${doors.join(' and ')} ${doors.length > 1 ? 'doors' : 'door'}.`
  described.description = described.description ? `${described.description}\n\n${where}` : where
  if (doors.length === 1) described.servers = doors.map((door) => DOORS[door].server)
  // @fastify/swagger marks every body as required
  if (described.requestBody && operation.bodyOptional) described.requestBody.required = false
  described.security = securityOf(route)
  if (!doors.includes('ops'))
    for (const answer of Object.values(described.responses))
      answer.headers = { ...answer.headers, ...header('x-request-id') }
  for (const [status, refusal] of Object.entries(refusalsOf(route))) {
    const own = described.responses[status]
    described.responses[status] = own
      ? { ...own, content: { ...own.content, ...refusal.content } }
      : refusal
  }
}

/** Moves parameters that several operations share to components. */
function shareParameters({ paths }: Document): Named {
  const operations = Object.values(paths).flatMap((path) => Object.values(path))
  const all = operations.flatMap(({ parameters = [] }) => parameters)
  const shared: Named = {}
  for (const same of Map.groupBy(all, (parameter) => JSON.stringify(parameter)).values())
    if (same.length > 1) shared[`${same[0]?.name}`] = same[0]
  for (const operation of operations)
    operation.parameters &&= operation.parameters.map((parameter) =>
      isDeepStrictEqual(parameter, shared[`${parameter.name}`])
        ? { $ref: `#/components/parameters/${parameter.name}` }
        : parameter,
    )
  return shared
}
