import { setting } from './setting.ts'
import { KiB } from './units.ts'
import { bytes, integer, path, text } from './values/plain.ts'

/** The texts and defaults that differ between the connections. */
export interface ConnectionTexts {
  /** The broker that it connects to. */
  readonly to: string
  /** The client id without a setting. */
  readonly clientId: string
  /** The handling of a message that is not acknowledged in time. */
  readonly late: string
  /** The handling of messages above the limits on unacknowledged ones. */
  readonly full: string
  readonly timeout: string
  readonly pending: string
  readonly pendingBytes: string
}

/** The settings of every connection to another MQTT broker, without the prefix of their names. */
function connectionSettings(texts: ConnectionTexts) {
  const { to, late, full } = texts
  return {
    Username: setting(text(1, 1_000), undefined, `user name for ${to}`),
    PasswordFile: setting(
      path,
      undefined,
      `file with the password for ${to}; a changed file is used for the next connection`,
    ),
    CaFile: setting(
      path,
      undefined,
      `CA certificates that sign the certificate of ${to}, PEM [the CAs that Node.js trusts]`,
    ),
    CertFile: setting(
      path,
      undefined,
      `client certificate for ${to}, PEM; a changed file is used for the next connection`,
    ),
    KeyFile: setting(path, undefined, `private key of the client certificate for ${to}, PEM`),
    ClientId: setting(text(1, 200), undefined, `MQTT client id at ${to} [${texts.clientId}]`),
    Timeout: setting(
      integer(1, 3600),
      texts.timeout,
      `seconds that ${to} may take to acknowledge a message; ${late}`,
    ),
    Pending: setting(
      integer(1, 1_000_000),
      texts.pending,
      `maximum number of messages that ${to} has not acknowledged yet; ${full}`,
    ),
    PendingBytes: setting(
      bytes(KiB),
      texts.pendingBytes,
      `maximum size of the messages that ${to} has not acknowledged yet`,
    ),
    Keepalive: setting(
      integer(5, 65_535),
      '30',
      `MQTT keep alive for ${to}: seconds without a packet after which the gateway sends a ping; without an answer the connection is closed after half that time`,
    ),
  } as const
}

type ConnectionSettings = ReturnType<typeof connectionSettings>
type Name = keyof ConnectionSettings
/** The settings with names that begin with `WOTT_BROKER_`, or with `WOTT_BRIDGE_`. */
export type UplinkPrefix = 'broker' | 'bridge'

/** The settings of one connection by their names: `brokerUsername`, … */
export function uplinkSettings<P extends UplinkPrefix>(prefix: P, texts: ConnectionTexts) {
  const named = Object.entries(connectionSettings(texts)).map(([name, one]) => [prefix + name, one])
  return Object.fromEntries(named) as { readonly [N in Name as `${P}${N}`]: ConnectionSettings[N] }
}

type Value<N extends Name> = ReturnType<ConnectionSettings[N]['parse']>
type Optional = 'Username' | 'PasswordFile' | 'CaFile' | 'CertFile' | 'KeyFile' | 'ClientId'
/** The settings for a connection: `username`, `passwordFile`, … */
export type UplinkConfig = {
  readonly [N in Name as Uncapitalize<N>]: Value<N> | (N extends Optional ? undefined : never)
}

const NAMES = Object.keys(
  connectionSettings({
    to: '',
    clientId: '',
    late: '',
    full: '',
    timeout: '',
    pending: '',
    pendingBytes: '',
  }),
) as Name[]

/** The settings of one connection without their prefix. */
export function uplinkConfig<P extends UplinkPrefix>(
  prefix: P,
  settings: { readonly [N in Name as `${P}${N}`]: unknown },
): UplinkConfig {
  const values = settings as Readonly<Record<string, unknown>>
  const entries = NAMES.map((name) => [
    name.charAt(0).toLowerCase() + name.slice(1),
    values[prefix + name],
  ])
  return Object.fromEntries(entries) as UplinkConfig
}

/** The names of these settings, with their prefix. */
export function uplinkNames(prefix: UplinkPrefix): string[] {
  return NAMES.map((name) => prefix + name)
}

/** Problems of the settings of one connection in combination. */
export function* uplinkProblems(
  prefix: UplinkPrefix,
  address: { readonly tls: boolean },
  isSaid: (name: string) => boolean,
  called: (name: string) => string,
): Generator<string> {
  const [username, password, ca, cert, key] = [
    ...['Username', 'PasswordFile', 'CaFile', 'CertFile', 'KeyFile'].map((name) => prefix + name),
  ] as [string, string, string, string, string]
  for (const [one, other] of [
    [password, username],
    [cert, key],
    [key, cert],
  ] as const)
    if (isSaid(one) && !isSaid(other)) yield `${called(one)} needs ${called(other)}`
  if (!address.tls)
    for (const name of [ca, cert, key].filter(isSaid))
      yield `${called(name)} has no effect without TLS: use ${called(prefix)}=mqtts://…`
}
