import type { Server } from 'node:net'
import type { TLSSocket, Server as TlsServer } from 'node:tls'
import type { Config } from '../config/load.ts'
import type { DoorOptions } from '../door/options.ts'
import { GatewayError, UsageError } from '../errors.ts'
import { createDeviceConnections } from '../identity/connection.ts'
import type { Identity } from '../identity/identity.ts'
import { type FormatName, PROXY_FORMATS } from '../identity/proxy/format-table.ts'
import { createProxiedSenders, type ProxiedSenders } from '../identity/proxy/proxied-senders.ts'
import { refusalOf } from '../identity/refusals.ts'
import type { Trust } from '../identity/trust.ts'
import { createTrustLog } from '../identity/trust-log.ts'
import { openTrust, type TrustSource } from '../identity/trust-source.ts'
import { silentMeter } from '../metrics/meter.ts'
import type { Reports } from '../metrics/reports.ts'
import { readCertificate } from '../x509/certificate.ts'
import { verifyPath } from '../x509/path.ts'
import { createDoorGuards } from './guards.ts'

/** The most proxy instances, told apart by their certificates, that are remembered. */
const MOST_PROXIES = 256

/** The parts that only the proxy door has, in addition to those of every device door. */
export interface ProxyDoor {
  /** The TLS files; null without TLS: on a Unix socket, and behind the front end of a platform. */
  readonly trust: Trust | null
  readonly senders: ProxiedSenders
  /** Why a connection is not from the proxy; null when it is. */
  admit(connection: { readonly socket: object }): GatewayError | null
  /** Names the connections of a server, and follows the certificate files. */
  watch(server: Server): void
  recheck(): Promise<void>
  close(): void
}

export interface ProxyDoorOptions {
  /** The trust files for devices. */
  readonly trust: TrustSource
  readonly reports: Reports
  /** Called for each device that was verified again. */
  onVerified(identity: Identity): void
}

/** Null if there is no such door. */
export async function openProxyDoor(
  config: Config,
  options: ProxyDoorOptions,
): Promise<ProxyDoor | null> {
  if (config.doors.proxy === null) return null
  if (config.proxy.trust === 'platform')
    options.reports.log.warn(
      { door: 'proxy' },
      'WOTT_PROXY_TRUST=platform: whoever can connect to the proxy door may say to be any device',
    )
  const senders = createSenders(config, options)
  if (!hasTls(config))
    return {
      trust: null,
      senders,
      watch() {},
      // every client that can connect is the proxy
      admit: () => null,
      recheck: senders.recheck,
      close: senders.close,
    }
  const own = await openProxyTrust(config, options)
  const connections = createDeviceConnections({
    pattern: exactly(config.proxy.name ?? ''),
    trust: () => own.current,
    mostRemembered: MOST_PROXIES,
    objectTo: (socket) => deviceProblem(socket, options.trust.current),
  })
  return {
    trust: own.current,
    senders,
    admit: ({ socket }) => toProxyRefusal(refusalOf(socket)),
    watch(server) {
      connections.identify(server as TlsServer, 'proxy')
      own.onChange(({ context }) => (server as TlsServer).setSecureContext(context))
      own.onChange(() => void connections.recheck())
    },
    recheck: senders.recheck,
    close() {
      connections.close()
      senders.close()
      own.close()
    },
  }
}

/** Whether the proxy proves its identity. */
function hasTls({ doors, proxy }: Config): boolean {
  return proxy.trust === 'certificate' && !(doors.proxy && 'path' in doors.proxy)
}

/** Admits the proxy: its connections have a limit of their own, and do not count as strangers'. */
export function proxyAdmission(
  config: Config,
  maxStrangers: number,
  reports: Reports,
): Partial<DoorOptions> {
  const { addresses: from, maxConnections: most } = config.proxy
  // the permissions of the socket file, or the platform, decide who can connect, and all connections have the same origin
  if (!hasTls(config))
    return {
      from,
      admission: undefined,
      refusal: undefined,
      nameOf: undefined,
      plain: undefined,
      maxConnections: most,
    }
  const bounds = { maxConnections: most, maxConnectionsPerDevice: most }
  const admissions = createDoorGuards({ ...config.connections, ...bounds }, maxStrangers, reports)
  return {
    from,
    admission: admissions.of('proxy'),
    maxConnections: admissions.mostConnections,
  }
}

function createSenders(
  config: Config,
  { trust, reports: { meter, warn }, onVerified }: ProxyDoorOptions,
): ProxiedSenders {
  return createProxiedSenders({
    format: PROXY_FORMATS[config.proxy.format as FormatName],
    names: config.proxy.headers,
    pattern: config.trust.idPattern,
    trust: () => trust.current,
    mostRemembered: config.trust.rememberedCertificates,
    onForgotten: meter.certificateForgotten,
    maxUnderWay: config.connections.maxConnectionsPerDevice,
    onVerified,
    onRefused(error) {
      meter.passedOnRefused(error.code)
      warn(
        `proxied\0${error.code}`,
        { door: 'proxy', reason: error.code, detail: error.message },
        'refused what the proxy passes on',
      )
    },
    onFull(id) {
      const reason = 'max_connections_per_device'
      meter.connectionCut('proxy', reason)
      warn(
        `proxied\0full\0${id}`,
        { door: 'proxy', reason, device: id },
        'the maximum number of connections is reached',
      )
    },
  })
}

async function openProxyTrust(
  config: Config,
  { trust: ofDevices, reports: { log } }: ProxyDoorOptions,
): Promise<TrustSource> {
  const { certFile, keyFile, tlsVersion, ciphers } = config.trust
  const { caFile = '', crlFile } = config.proxy
  const files = { caFile, crlFile, certFile, keyFile, tlsVersion, ciphers }
  const trust = await openTrust(files, {
    // its gauges describe the files for devices
    meter: silentMeter,
    onReload: createTrustLog(log, 'certificate files of the proxy'),
    onUseless(reason) {
      if (reason) log.error({ reason }, 'the proxy cannot connect with these certificates')
      else log.info('the proxy can connect again')
    },
  })
  const known = new Set(ofDevices.current.authorities.all.map(({ fingerprint }) => fingerprint))
  const both = trust.current.authorities.all.find(({ fingerprint }) => known.has(fingerprint))
  if (!both) return trust
  trust.close()
  throw new UsageError(
    `WOTT_PROXY_CA_FILE holds "${both.subjectName}", a CA of devices: every device could come as the proxy. Make a CA for the proxy alone ("wott-gateway init proxy-ca", docs/behind-a-proxy.md)`,
  )
}

/** Refuses a device that connects directly: it must not be taken for the proxy, whatever its name is. */
function deviceProblem(socket: TLSSocket, trust: Trust): GatewayError | null {
  const shown = socket.getPeerX509Certificate()
  if (!shown) return null
  const { objection } = verifyPath(readCertificate(shown.raw), [], trust, Date.now())
  return objection
    ? null
    : new GatewayError(
        'request_invalid',
        'This door is for the proxy, and the client certificate of this connection is that of a device. Devices come to the device door, or through the proxy.',
      )
}

function toProxyRefusal(refusal: GatewayError | null): GatewayError | null {
  // its CN is not the name of the proxy
  return refusal?.code === 'identity_unusable'
    ? new GatewayError(
        'certificate_untrusted',
        'This door is for the proxy, and the client certificate of this connection has another name (WOTT_PROXY_NAME).',
      )
    : refusal
}

function exactly(name: string) {
  return { source: `the name of the proxy, ${name}`, test: (other: string) => other === name }
}
