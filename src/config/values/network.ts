import { BlockList, isIP } from 'node:net'
import { resolve } from 'node:path'
import { type Parse, parse } from './parse.ts'

/** Where a door listens; null is `off`. */
export type ListenAddress = { readonly host: string; readonly port: number } | null

/** Where the proxy door listens: also on a Unix socket. */
export type ProxyAddress = ListenAddress | { readonly path: string }

/** `HOST:PORT`, `[IPV6]:PORT`, `:PORT` (every address) or `off`; port 0 takes a free one. */
export const listenAddress: Parse<ListenAddress> = parse(
  'HOST:PORT',
  'HOST:PORT, [IPV6]:PORT, :PORT or off',
  (text) => {
    if (text === 'off') return null
    const [, bracketed, plain, digits] =
      /^(?:\[([\da-fA-F:.%]+)\]|([^\s[\]:/]*)):(\d{1,5})$/.exec(text) ?? []
    const port = Number(digits)
    if (digits === undefined || port > 65_535) return undefined
    return { host: bracketed ?? (plain === '' || plain === undefined ? '::' : plain), port }
  },
)

/** As `listenAddress`, or `unix:PATH`. */
export const proxyAddress: Parse<ProxyAddress> = parse(
  'HOST:PORT|unix:PATH',
  'HOST:PORT, [IPV6]:PORT, :PORT, unix:PATH or off',
  (text) => {
    if (text.startsWith('unix:'))
      return text.length > 5 ? { path: resolve(text.slice(5)) } : undefined
    try {
      return listenAddress(text)
    } catch {
      return undefined
    }
  },
)

/** The name of a header, in lower case. Without underscores, because programs that follow CGI read them as hyphens. */
export const headerName: Parse<string> = parse(
  'NAME',
  'the name of an HTTP header, of letters, digits and hyphens',
  (text) => (/^[A-Za-z][A-Za-z0-9-]*$/.test(text) ? text.toLowerCase() : undefined),
)

/** Names of hosts, in lower case. */
export const hostNames: Parse<readonly string[]> = parse(
  'NAMES',
  'host names, separated by commas',
  (text) => {
    const names = text.toLowerCase().split(/ *, */)
    return names.every((name) => /^[a-z\d_]([a-z\d_.-]*[a-z\d_])?$/.test(name)) ? names : undefined
  },
)

/** IP addresses and networks such as `10.0.0.0/8`; an IPv4 one also matches the IPv6 address that maps it. */
export const networks: Parse<BlockList> = parse(
  'NETWORKS',
  'IP addresses and networks such as 10.0.0.0/8 or 2001:db8::/32, separated by commas',
  (text) => {
    const list = new BlockList()
    return text.split(/ *, */).every((each) => addNetwork(list, each)) ? list : undefined
  },
)

function addNetwork(list: BlockList, text: string): boolean {
  const [, address = '', digits] = /^([\da-fA-F:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  const bits = version === 4 ? 32 : 128
  const prefix = Number(digits ?? bits)
  // /0 would match everybody
  if (version === 0 || prefix === 0 || prefix > bits) return false
  list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6')
  return true
}

/** The beginning of a URL's path. */
export const urlPath: Parse<string> = parse('PATH', 'a path such as /iot', (text) =>
  /^\/[^\s?#]*$/.test(text) ? text : undefined,
)

/** A list in OpenSSL's format; OpenSSL ignores unknown names, except of TLS 1.3 suites. */
export const cipherList: Parse<string> = parse(
  'LIST',
  'OpenSSL names of cipher suites, separated by colons',
  (text) => {
    if (!/^[\w:+!@=,-]+$/.test(text)) return undefined
    // only here, because loading TLS takes a sixth of the CPU time of a short command
    const { createSecureContext } = process.getBuiltinModule('node:tls')
    try {
      createSecureContext({ ciphers: text })
      return text
    } catch {
      return undefined
    }
  },
)
