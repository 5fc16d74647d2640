import { quote } from '../acl/quote.ts'
import type { Device } from '../ca/device-states.ts'
import { listRoster, type RosterEntry } from '../enrol/roster.ts'
import { readArguments, requireNoWords } from './arguments.ts'
import { print } from './command.ts'
import { DIR, JSON_LINES } from './device-flags.ts'
import { inDirectory } from './directory.ts'

export async function list(args: readonly string[]): Promise<void> {
  const { values, words } = readArguments(args, { dir: DIR, json: JSON_LINES })
  requireNoWords(words, 'dir')
  for (const entry of await inDirectory(values.dir, () => listRoster(values.dir)))
    print(values.json ? JSON.stringify(toJson(entry)) : toLine(entry))
}

function toLine(entry: RosterEntry): string {
  switch (entry.kind) {
    case 'device':
      return [entry.id, stateIn(entry), ...issueIn(entry)].join('\t')
    case 'invited':
      return `${entry.id}\tinvited until ${timeText(entry.expires)}`
    case 'approved':
      return `${entry.id}\tapproved, asked ${timeText(entry.since)}\tkey ${entry.fingerprint}`
    case 'waiting': {
      // a stranger chose the name, and a terminal obeys what it is told
      const name = entry.id === null ? 'any name' : quote(entry.id)
      return `${name}\twaiting since ${timeText(entry.since)}\tkey ${entry.fingerprint}`
    }
  }
}

function stateIn({ state, notAfter, revokedAt, reason }: Device): string {
  switch (state) {
    case 'active':
      return `active until ${timeText(notAfter)}`
    case 'expired':
      return `expired ${timeText(notAfter)}`
    case 'revoked':
      return `revoked ${timeText(revokedAt ?? 0)}${reason === null ? '' : ` (${reason})`}`
    case 'untrusted':
      return 'untrusted: its CA was replaced'
  }
}

function issueIn({ via, issuedAt }: Device): string[] {
  return [`issued ${timeText(issuedAt)}${via === null ? '' : ` by ${via}`}`]
}

function toJson(entry: RosterEntry): object {
  switch (entry.kind) {
    case 'device': {
      const { id, name, state, directory, serial, via, issuedAt, notAfter, revokedAt } = entry
      return {
        ...{ id, name, state, directory, serial, via },
        renewed: timeText(issuedAt),
        notAfter: timeText(notAfter),
        revokedAt: revokedAt === null ? null : timeText(revokedAt),
        reason: entry.reason,
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
