import { join } from 'node:path'
import { quote } from '../acl/quote.ts'
import type { Device } from '../ca/device-states.ts'
import { listRoster, type RosterEntry } from '../enrol/roster.ts'
import { readArguments, requireNoWords } from './arguments.ts'
import { print } from './command.ts'
import { DEVICE_JSON_LINES, DIR, STORE_IN_USE } from './device-flags.ts'
import { inDirectory } from './directory.ts'
import { askOwner, whichStore } from './store-folder.ts'

export async function list(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, {
    dir: DIR,
    json: DEVICE_JSON_LINES,
    store: STORE_IN_USE,
  })
  requireNoWords(words, 'dir')
  const roster = await inDirectory(values.dir, () => listRoster(values.dir))
  const seen = await lastSeen(values.dir, values.store)
  for (const entry of roster)
    print(values.json ? JSON.stringify(toJson(entry, seen)) : toLine(entry, seen))
}

/** When devices last published, by WoTT ID. */
type Seen = Readonly<Record<string, number>>

/** What the running gateway knows of the devices; by default the gateway whose store is beside the CA. */
async function lastSeen(directory: string, store: string | undefined): Promise<Seen> {
  if (store !== undefined) return (await askOwner<Seen>(whichStore(store), 'seen')) ?? {}
  // a person who manages the CA may not have access to the gateway
  for (const folder of [join(directory, 'data'), directory]) {
    const seen = await askOwner<Seen>(folder, 'seen').catch(() => null)
    if (seen) return seen
  }
  return {}
}

function toLine(entry: RosterEntry, seen: Seen): string {
  switch (entry.kind) {
    case 'device':
      return [entry.id, stateIn(entry), ...issueIn(entry), ...seenIn(entry.id, seen)].join('\t')
    case 'invited':
      return `${entry.id}\tinvited until ${timeText(entry.expires)}`
    case 'approved':
      return `${entry.id}\tapproved, asked ${timeText(entry.since)}\tkey ${entry.fingerprint}`
    case 'waiting': {
      // stops escape sequences: a stranger chose the name, and a terminal would obey them
      const name = entry.id === null ? 'any name' : quote(entry.id)
      return `${name}\twaiting since ${timeText(entry.since)}\tkey ${entry.fingerprint}`
    }
  }
}

function stateIn({ state, notAfter, revokedAt, reason }: Device): string {
  switch (state) {
    case 'active':
      return `active until ${timeText(notAfter)}${soonText(notAfter - Date.now())}`
    case 'expired':
      return `expired ${timeText(notAfter)}`
    case 'revoked':
      return `revoked ${timeText(revokedAt ?? 0)}${reason === null ? '' : ` (${reason})`}`
    case 'untrusted':
      return 'untrusted: its CA has been removed'
  }
}

/** The default of the log's warning. */
const SOON_MS = 30 * 86_400_000

function soonText(left: number): string {
  if (left > SOON_MS) return ''
  const days = Math.floor(left / 86_400_000)
  return days < 1 ? ', ends today' : `, ends in ${days} day${days === 1 ? '' : 's'}`
}

function issueIn({ via, issuedAt }: Device): string[] {
  return [`issued ${timeText(issuedAt)}${via === null ? '' : ` by ${via}`}`]
}

function seenIn(id: string, seen: Seen): string[] {
  const time = seen[id]
  return time === undefined ? [] : [`last seen ${timeText(time)}`]
}

function toJson(entry: RosterEntry, seen: Seen): object {
  switch (entry.kind) {
    case 'device': {
      const { id, name, state, directory, serial, via, issuedAt, notAfter, revokedAt } = entry
      return {
        id,
        name,
        state,
        directory,
        serial,
        via,
        renewed: timeText(issuedAt),
        notAfter: timeText(notAfter),
        revokedAt: revokedAt === null ? null : timeText(revokedAt),
        reason: entry.reason,
        lastSeen: seen[id] === undefined ? null : timeText(seen[id]),
      }
    }
    case 'invited': {
      const { id, name, expires } = entry
      return { id, name, state: 'invited', expires: timeText(expires) }
    }
    default: {
      const { id, kind, fingerprint, address, since } = entry
      return { id, state: kind, fingerprint, address, since: timeText(since) }
    }
  }
}

function timeText(time: number): string {
  return new Date(time).toISOString()
}
