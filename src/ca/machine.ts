import { BlockList, isIP } from 'node:net'
import { hostname, type NetworkInterfaceInfo, networkInterfaces } from 'node:os'

/** How other machines of the network may reach this one. */
export interface Machine {
  readonly hostName: string
  /** Its name in multicast DNS (RFC 6762). */
  readonly localName: string
  /** The addresses of its network cards, the likeliest first. */
  readonly addresses: readonly string[]
}

type NetworkInterfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>

/** Reads the names and addresses of this machine. */
export function thisMachine(interfaces: NetworkInterfaces = networkInterfaces()): Machine {
  const hostName = hostname()
  const [label = hostName] = hostName.split('.')
  return { hostName, localName: `${label}.local`, addresses: lanAddresses(interfaces) }
}

/** A host of containers has a bridge for each of their networks, so there can be many addresses. */
const MAX_ADDRESSES = 16
/** Network interfaces that reach only this machine. */
const INSIDE = /^(?:br-|cali|cni|docker|flannel|lxc|lxd|podman|vboxnet|veth|virbr|vmnet)/

const linkLocal = new BlockList()
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4')
linkLocal.addSubnet('fe80::', 10, 'ipv6')

/** Addresses that other machines can reach: IPv4 first, those of containers' networks last. */
function lanAddresses(interfaces: NetworkInterfaces): string[] {
  const found = Object.entries(interfaces).flatMap(([name, infos = []]) =>
    infos
      .filter(({ internal }) => !internal)
      .map(({ address }) => ({ address, version: isIP(address), inside: INSIDE.test(name) }))
      .filter(({ address, version }) => version !== 0 && !isLinkLocal(address)),
  )
  const sorted = found.toSorted(
    (a, b) => Number(a.inside) - Number(b.inside) || a.version - b.version,
  )
  return [...new Set(sorted.map(({ address }) => address))].slice(0, MAX_ADDRESSES)
}

function isLinkLocal(address: string): boolean {
  return linkLocal.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}
