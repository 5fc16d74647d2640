/** IPv4 as IPv6 sockets give it. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i
const NETWORK_GROUPS = 4

/** Where a connection comes from, as people write it: an IPv4 address without the prefix that IPv6 sockets give it. */
export function addressOf({
  remoteAddress,
}: {
  readonly remoteAddress?: string | undefined
}): string | undefined {
  return remoteAddress === undefined
    ? undefined
    : (MAPPED.exec(remoteAddress)?.[1] ?? remoteAddress)
}

/** What limits per address go by: an IPv4 address, or the /64 network of an IPv6 one, of which one machine may have them all. */
export function addressGroup(address: string | undefined): string {
  if (address === undefined) return ''
  // IPv4, or no address at all
  if (!address.includes(':')) return address
  const mapped = MAPPED.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [plain = ''] = address.split('%')
  const [head = '', tail] = plain.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after]
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => Number.parseInt(group, 16))
  return `${network.map((group) => group.toString(16)).join(':')}::/64`
}
