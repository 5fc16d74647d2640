import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { BrokerUrl } from '../config/broker-url.ts'
import type { Credentials } from './credentials.ts'

/** As it is shown. */
export function hostAndPort({ host, port }: BrokerUrl): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** A socket that is about to connect; over TLS, it verifies the broker. */
export function openSocket({ host, port, tls }: BrokerUrl, { ca, cert, key }: Credentials): Socket {
  const socket = tls
    ? connectTls({
        host,
        port,
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(isIP(host) === 0 ? { servername: host } : {}),
      })
    : connectTcp({ host, port })
  return socket.setNoDelay(true)
}
