import * as commands from './commands.ts'
import * as health from './health.ts'
import * as history from './history.ts'
import * as identity from './identity.ts'
import * as influx from './influx.ts'
import type { Operations, Schemas } from './operation.ts'
import * as pages from './pages.ts'
import * as problems from './problems.ts'
import * as publish from './publish.ts'
import * as publishMany from './publish-many.ts'
import * as read from './read.ts'
import * as session from './session.ts'
import * as stream from './stream.ts'
import * as topics from './topics.ts'

/** All that routes of ours do, by the name in the `config` of each. */
export const OPERATIONS = {
  ...publish.OPERATIONS,
  ...publishMany.OPERATIONS,
  ...influx.OPERATIONS,
  ...read.OPERATIONS,
  ...history.OPERATIONS,
  ...stream.OPERATIONS,
  ...commands.OPERATIONS,
  ...topics.OPERATIONS,
  ...identity.OPERATIONS,
  ...session.OPERATIONS,
  ...health.OPERATIONS,
  ...pages.OPERATIONS,
} satisfies Operations

export type OperationId = keyof typeof OPERATIONS

/** The shapes that have a name. */
export const SCHEMAS: Schemas = {
  ...publish.SCHEMAS,
  ...publishMany.SCHEMAS,
  ...influx.SCHEMAS,
  ...read.SCHEMAS,
  ...stream.SCHEMAS,
  ...commands.SCHEMAS,
  ...topics.SCHEMAS,
  ...history.SCHEMAS,
  ...identity.SCHEMAS,
  ...session.SCHEMAS,
  ...health.SCHEMAS,
  ...problems.SCHEMAS,
}
