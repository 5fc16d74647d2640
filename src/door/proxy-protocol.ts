import { isIPv4, isIPv6, SocketAddress } from 'node:net'
import type { ClientAddress } from './peer.ts'

export type ProxyVersion = 'v1' | 'v2' | 'any'

/** Why bytes are not a PROXY protocol header that is wanted here. */
export type HeaderFault = 'missing' | 'version' | 'malformed' | 'too_long'

export type ProxyHeader =
  | { readonly fault: HeaderFault }
  /** `length`: bytes of the header. `client` is null for a balancer's own checks: the address of the socket is used then. */
  | { readonly fault: null; readonly length: number; readonly client: ClientAddress | null }

/** The longest line of version 1, with its end ("PROXY protocol" §2.1). */
const MAX_V1_BYTES = 107
/** Bytes that §2.2 requires a receiver of version 2 to accept; a longer header is refused. */
const MAX_V2_BYTES = 536
const V1_START = Buffer.from('PROXY ')
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V2_FIXED_BYTES = 16

/**
 * The header at the beginning of `bytes`, of HAProxy's PROXY protocol version 1 or 2; null while more bytes are needed.
 * Nothing after the header is looked at.
 */
export function readProxyHeader(bytes: Buffer, wanted: ProxyVersion): ProxyHeader | null {
  if (bytes.length === 0) return null
  const isV1 = startsLike(bytes, V1_START)
  if (!isV1 && !startsLike(bytes, V2_START)) return { fault: 'missing' }
  if (wanted !== 'any' && isV1 !== (wanted === 'v1')) return { fault: 'version' }
  return isV1 ? readV1(bytes) : readV2(bytes)
}

/** Whether somebody sends such a header where none is expected. */
export function beginsWithProxyHeader(bytes: Buffer): boolean {
  return [V1_START, V2_START].some(
    (start) => bytes.length >= start.length && startsLike(bytes, start),
  )
}

function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, length, 0, length) === 0
}

/** §2.1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n` */
function readV1(bytes: Buffer): ProxyHeader | null {
  const line = bytes.subarray(0, MAX_V1_BYTES)
  const end = line.indexOf('\r')
  if (end === -1 || end === line.length - 1)
    return bytes.length < MAX_V1_BYTES ? null : { fault: 'too_long' }
  const length = end + 2
  if (line[end + 1] !== 0x0a) return { fault: 'malformed' }
  const [, family, source = '', destination = '', ...ports] = line
    .toString('latin1', 0, end)
    .split(' ')
  // what follows it says nothing (§2.1)
  if (family === 'UNKNOWN') return { fault: null, length, client: null }
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : null
  const [port, otherPort] = ports.map(portIn)
  if (!isAddress?.(source) || !isAddress(destination) || ports.length !== 2)
    return { fault: 'malformed' }
  if (port === undefined || otherPort === undefined) return { fault: 'malformed' }
  const address = family === 'TCP6' ? asWritten(source) : source
  return { fault: null, length, client: { address, port } }
}

function isPlainIPv6(text: string): boolean {
  // a zone would be one of the balancer's interfaces
  return isIPv6(text) && !text.includes('%')
}

function portIn(text: string): number | undefined {
  const port = /^(?:0|[1-9]\d{0,4})$/.test(text) ? Number(text) : Number.NaN
  return port <= 65_535 ? port : undefined
}

const COMMANDS: Readonly<Record<number, 'local' | 'proxy'>> = { 32: 'local', 33: 'proxy' }
/** Bytes of each address, by family and transport; other families name nobody. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 17: 4, 33: 16 }
const OTHER_FAMILIES: Readonly<Record<number, number>> = { 0: 0, 49: 216 }

/** §2.2: the start, version and command, family and transport, a length, the addresses, and TLVs, which are passed over. */
function readV2(bytes: Buffer): ProxyHeader | null {
  if (bytes.length < V2_FIXED_BYTES) return null
  const command = COMMANDS[bytes.readUInt8(12)]
  const family = bytes.readUInt8(13)
  const rest = bytes.readUInt16BE(14)
  const length = V2_FIXED_BYTES + rest
  if (!command) return { fault: 'malformed' }
  if (length > MAX_V2_BYTES) return { fault: 'too_long' }
  const size = ADDRESS_BYTES[family]
  if (command === 'proxy') {
    const least = size === undefined ? OTHER_FAMILIES[family] : 2 * size + 4
    if (least === undefined || rest < least) return { fault: 'malformed' }
  }
  if (bytes.length < length) return null
  if (command === 'local' || size === undefined) return { fault: null, length, client: null }
  const address = addressIn(bytes.subarray(V2_FIXED_BYTES, V2_FIXED_BYTES + size))
  return {
    fault: null,
    length,
    client: { address, port: bytes.readUInt16BE(V2_FIXED_BYTES + 2 * size) },
  }
}

function addressIn(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16))
  return asWritten(groups.join(':'))
}

/** An IPv6 address as sockets write it, whatever form it came in: limits per address compare texts. */
function asWritten(address: string): string {
  return new SocketAddress({ address, family: 'ipv6' }).address
}
