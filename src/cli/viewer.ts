import { dirname } from 'node:path'
import { layoutOf } from '../ca/layout.ts'
import { environmentName, SETTINGS } from '../config/schema.ts'
import { exists } from '../disk/exists.ts'
import { UsageError } from '../errors.ts'
import { type Book, isViewerName, revokeViewer as revokeIn } from '../viewer/book.ts'
import { changeBook, readBook } from '../viewer/book-file.ts'
import { INVITE_LASTS, inviteViewer } from '../viewer/invite.ts'
import { pickAction } from './actions.ts'
import { type Flags, readArguments, requireNoWords, requireWords } from './arguments.ts'
import { type CliCommand, print, say } from './command.ts'
import { USUAL_DIRECTORY, viewersFileOf } from './directory.ts'
import { listenPort } from './door-port.ts'
import { durationIn, originIn } from './flag-values.ts'
import { helpText } from './help.ts'
import { grantIn, grantsIn, rightLines, rightsOf } from './rights.ts'

const FILE = {
  type: 'string',
  value: 'FILE',
  help: `the gateway's viewers file [WOTT_VIEWERS_FILE, else ${viewersFileOf(USUAL_DIRECTORY)}, else ${SETTINGS.viewersFile.fallback}]`,
} as const
const TTL = {
  type: 'string',
  value: 'TIME',
  default: '12h',
  help: 'invite: how long the viewer stays logged in: 30m, 12h, 7d; at most 90d',
} as const
const URL_FLAG = {
  type: 'string',
  value: 'URL',
  help: `invite: address of the viewer door for the browser [https://localhost, with the port of ${environmentName('viewerListen')}]`,
} as const
const ALLOW = {
  type: 'string',
  multiple: true,
  value: 'FILTER',
  help: 'invite: allow the viewer to read the topics that match FILTER, by adding a line to the ACL file; can be repeated',
} as const
const ACL_FILE = {
  type: 'string',
  value: 'FILE',
  help: 'invite: the ACL file [WOTT_ACL_FILE, else permission.acl in the folder of the viewers file]',
} as const
const JSON_LINES = { type: 'boolean', help: 'list: print one JSON object per line' } as const

const ACTIONS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  invite,
  list,
  revoke,
}

export const viewer: CliCommand = {
  help: helpText({
    usage: [
      'viewer invite NAME [--allow FILTER]... [--ttl TIME]',
      'viewer invite NAME [--url URL] [--file FILE]',
      'viewer list [--json] [--file FILE]',
      'viewer revoke NAME|ID [--file FILE]',
    ],
    about: [],
    words: [
      [
        'invite NAME',
        'print a link to the dashboard that works once, within 24 hours. The viewer may read what the ACL file allows the user NAME to read; standard error shows these rights',
      ],
      ['list', 'list all open invites and all sessions'],
      [
        'revoke NAME|ID',
        'withdraw the invites of a viewer and end its sessions, or end one session by its id; a running gateway closes its streams at once',
      ],
    ],
    flags: {
      file: FILE,
      ttl: TTL,
      url: URL_FLAG,
      json: JSON_LINES,
      allow: ALLOW,
      'acl-file': ACL_FILE,
    } satisfies Flags,
    examples: [
      'wott-gateway viewer invite alice --ttl 7d',
      "wott-gateway viewer invite alice --allow 'house/#'",
      'wott-gateway viewer list',
      'wott-gateway viewer revoke alice',
    ],
  }),
  async run([action, ...args]) {
    await pickAction('viewer', ACTIONS, action)(args)
    return undefined
  },
}

async function invite(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, {
    file: FILE,
    ttl: TTL,
    url: URL_FLAG,
    allow: ALLOW,
    'acl-file': ACL_FILE,
  })
  requireWords(words, ['NAME'])
  const [name = ''] = words
  const lasts = durationIn('--ttl', values.ttl, '90d')
  const url = values.url ?? `https://localhost:${listenPort('viewerListen')}`
  const origin = originIn('--url', url, 'https://gateway.example.com:9443')
  const file = whichBook(values.file)
  const aclFile = values['acl-file'] || process.env.WOTT_ACL_FILE || besides(file)
  const granting = grantIn(aclFile, grantsIn(values.allow, ['read']), `viewer invite ${name}`)
  if (isViewerName(name)) await granting.check(name)
  const isNew = !exists(file)
  const code = await inviteViewer(file, name, lasts)
  await granting.write(name)
  if (isNew)
    say(
      `created ${file}: the link works only with a gateway whose ${environmentName('viewersFile')} is this file`,
    )
  print(inviteLink(origin, code))
  const until = new Date(Date.now() + INVITE_LASTS).toISOString()
  say(`the link works once, until ${until}; after that ${name} stays logged in for ${values.ttl}`)
  const rights = await rightsOf(aclFile, name)
  for (const line of rightLines(name, rights, 'read #')) process.stderr.write(`${line}\n`)
}

/** Where `init` puts the ACL file. */
function besides(file: string): string {
  return layoutOf(dirname(file)).acl
}

/** The code is in the fragment, which browsers do not send and servers do not log. */
export function inviteLink(origin: string, code: string): string {
  return `${origin}/#invite=${code}`
}

async function list(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { file: FILE, json: JSON_LINES })
  requireNoWords(words, 'file')
  const book = await readBook(whichBook(values.file))
  for (const entry of book ? entriesOf(book, Date.now()) : [])
    print(values.json ? JSON.stringify(entry) : Object.values(entry).join('\t'))
}

function entriesOf({ invites, sessions }: Book, now: number): Record<string, string>[] {
  const time = (ms: number) => new Date(ms).toISOString()
  return [
    ...invites
      .filter(({ expires }) => expires > now)
      .map(({ name, expires }) => ({ name, state: 'invited', until: time(expires) })),
    ...sessions
      .filter(({ expires }) => expires > now)
      .map(({ id, name, created, expires }) => ({
        name,
        state: 'logged in',
        until: time(expires),
        since: time(created),
        id,
      })),
  ]
}

async function revoke(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { file: FILE })
  requireWords(words, ['NAME|ID'])
  const [who = ''] = words
  const file = whichBook(values.file)
  const ended = await changeBook(file, Date.now(), (book) => {
    const after = revokeIn(book, who)
    const invites = book.invites.length - after.invites.length
    const sessions = book.sessions.length - after.sessions.length
    const views = book.views.length - after.views.length
    if (invites + sessions + views === 0)
      throw new UsageError(`${who} has no invite and no session in ${file}`)
    return { book: after, result: { invites, sessions } }
  })
  print(`revoked ${who}: ${ended.invites} invites, ${ended.sessions} sessions`)
}

function whichBook(given: string | undefined): string {
  const named = given ?? process.env.WOTT_VIEWERS_FILE
  if (named) return named
  return exists(USUAL_DIRECTORY)
    ? viewersFileOf(USUAL_DIRECTORY)
    : (SETTINGS.viewersFile.fallback ?? '')
}
