import { type Shaped, setting } from './setting.ts'
import { KiB } from './units.ts'
import { bytes, integer, path, secondsAsMs, text } from './values/plain.ts'

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

/** The settings with names that begin with `WOTT_BROKER_`, or with `WOTT_BRIDGE_`. */
export type UplinkPrefix = 'broker' | 'bridge'

/** The settings of one connection to another MQTT broker. */
export function uplinkSettings<const P extends UplinkPrefix>(prefix: P, texts: ConnectionTexts) {
  const { to, late, full } = texts
  return {
    username: setting(`${prefix}Username`, text(1, 1_000), undefined, `user name for ${to}`),
    passwordFile: setting(
      `${prefix}PasswordFile`,
      path,
      undefined,
      `file with the password for ${to}; a changed file is used for the next connection`,
    ),
    caFile: setting(
      `${prefix}CaFile`,
      path,
      undefined,
      `CA certificates that sign the certificate of ${to}, PEM [the CAs that Node.js trusts]`,
    ),
    certFile: setting(
      `${prefix}CertFile`,
      path,
      undefined,
      `client certificate for ${to}, PEM; a changed file is used for the next connection`,
    ),
    keyFile: setting(
      `${prefix}KeyFile`,
      path,
      undefined,
      `private key of the client certificate for ${to}, PEM`,
    ),
    clientId: setting(
      `${prefix}ClientId`,
      text(1, 200),
      undefined,
      `MQTT client id at ${to} [${texts.clientId}]`,
    ),
    timeoutMs: setting(
      `${prefix}Timeout`,
      secondsAsMs(1, 3600),
      texts.timeout,
      `seconds that ${to} may take to acknowledge a message; ${late}`,
    ),
    pending: setting(
      `${prefix}Pending`,
      integer(1, 1_000_000),
      texts.pending,
      `maximum number of messages that ${to} has not acknowledged yet; ${full}`,
    ),
    pendingBytes: setting(
      `${prefix}PendingBytes`,
      bytes(KiB),
      texts.pendingBytes,
      `maximum size of the messages that ${to} has not acknowledged yet`,
    ),
    keepAliveSeconds: setting(
      `${prefix}Keepalive`,
      integer(5, 65_535),
      '30',
      `MQTT keep alive for ${to}: seconds without a packet after which the gateway sends a ping; without an answer the connection is closed after half that time`,
    ),
  }
}

/** The settings of one connection. */
export type UplinkConfig = Shaped<ReturnType<typeof uplinkSettings>>

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
