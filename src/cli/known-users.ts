import type { KnownUsers } from '../acl/lint-line.ts'
import { GATEWAY_ID } from '../ca/device-id.ts'
import { SAMPLE_VIEWER } from '../ca/sample-acl.ts'
import { listRoster } from '../enrol/roster.ts'
import { readBook } from '../viewer/book-file.ts'
import { inDirectory, viewersFileOf } from './directory.ts'

/** The devices of the CA in `directory`, including invited and waiting ones, and the viewers that are invited or logged in. */
export async function knownUsers(directory: string): Promise<KnownUsers> {
  const viewersFile = process.env.WOTT_VIEWERS_FILE || viewersFileOf(directory)
  const roster = await inDirectory(directory, () => listRoster(directory))
  const { invites = [], sessions = [] } = (await readBook(viewersFile)) ?? {}
  // "npm start" invites the sample viewer each time
  const names = new Set([GATEWAY_ID, SAMPLE_VIEWER])
  for (const { id } of roster) if (id !== null) names.add(id)
  for (const { name } of [...invites, ...sessions]) names.add(name)
  return { names, places: `${directory} and ${viewersFile}` }
}
