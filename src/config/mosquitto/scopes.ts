import { isNamedOnce } from './forms.ts'
import type { ConfLine } from './lines.ts'
import type { MosquittoListener, SettingsSink } from './listeners.ts'

/** Assigns lines to the listeners that they belong to, as Mosquitto does. */
export interface Scopes {
  add(line: ConfLine): void
  /** The listeners that are opened, and the ACL file for all of them. */
  end(): { readonly listeners: MosquittoListener[]; readonly acl: ConfLine | undefined }
}

const OF_DEFAULT_LISTENER = new Set(['port', 'bind_address'])

export function createScopes(outcome: SettingsSink): Scopes {
  const first: MosquittoListener = { at: '', lines: new Map() }
  const listeners: MosquittoListener[] = []
  const current = new Map<string, MosquittoListener>()
  // with or without `per_listener_settings`, because there is one ACL file
  const forAll: MosquittoListener = { at: '', lines: new Map() }

  function scopeOf({ name, file }: ConfLine): MosquittoListener {
    if (name === 'acl_file') return forAll
    return (!OF_DEFAULT_LISTENER.has(name) && current.get(file)) || first
  }

  return {
    add(line) {
      const { at, name, value, file } = line
      if (name === 'listener') {
        const listener: MosquittoListener = { at, lines: new Map([[name, line]]) }
        current.set(file, listener)
        listeners.push(listener)
        return
      }
      const { lines } = scopeOf(line)
      const before = lines.get(name)
      if (before && name === 'acl_file') {
        if (before.value !== value)
          outcome.refuse(
            at,
            `acl_file: ${before.at} names another file, but all doors share one acl_file`,
          )
      } else if (before && isNamedOnce(name)) outcome.refuse(at, namedTwice(name, before))
      lines.set(name, line)
    },
    end() {
      const acl = forAll.lines.get('acl_file')
      const made = [...first.lines.values()].find(opensDefault)
      if (made) return { listeners: [{ ...first, at: made.at }, ...listeners], acl }
      for (const { at, name } of first.lines.values())
        outcome.warn(
          at,
          `${name}: belongs to the default listener, which no line opens; Mosquitto ignores it too. Write it below its "listener", in the same file`,
        )
      return { listeners, acl }
    },
  }
}

export function namedTwice(name: string, before: ConfLine): string {
  return `${name} appears twice; it is already set at ${before.at}`
}

const ALWAYS = new Set([
  ...['port', 'bind_address', 'bind_interface', 'socket_domain', 'cafile', 'capath', 'certfile'],
  ...['keyfile', 'crlfile', 'ciphers', 'ciphers_tls1.3', 'dhparamfile', 'psk_hint', 'tls_engine'],
])

/** Whether Mosquitto 2.0.11 opens port 1883 because of a line above the first listener of its file. */
export function opensDefault({ name, value }: ConfLine): boolean {
  switch (name) {
    case 'max_connections':
      return Number(value) >= 0
    case 'max_qos':
    case 'maximum_qos':
      return value !== '2'
    case 'protocol':
      return value !== 'mqtt'
    case 'require_certificate':
    case 'use_identity_as_username':
    case 'use_subject_as_username':
    case 'use_username_as_clientid':
      return value === 'true'
    default:
      return ALWAYS.has(name)
  }
}
