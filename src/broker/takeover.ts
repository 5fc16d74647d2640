import type { Aedes, Client } from 'aedes'

/** What aedes does not say of itself: who holds each client id. */
export interface Registry {
  readonly clients: Record<string, Client>
  registerClient(client: Client): void
  unregisterClient(client: Client): void
}

/**
 * Has each client id held by the last connection that asked for it, and by no other [MQTT-3.1.4-2]. aedes as it comes
 * registers connections that have ended while it looked their session up, and forgets by the id alone who holds it.
 */
export function fenceTakeover(aedes: Aedes): void {
  const registry = aedes as unknown as Registry
  const authenticate = aedes.authenticate.bind(aedes)
  const register = registry.registerClient.bind(aedes)
  const unregister = registry.unregisterClient.bind(aedes)
  /** Of those that are connected or connecting. */
  const newest = new Map<string, Client>()

  function isNewest(client: Client): boolean {
    const other = newest.get(client.id)
    return !client.closed && (other === undefined || other === client || other.closed)
  }

  function registerClient(client: Client): void {
    const holder = registry.clients[client.id]
    if (!isNewest(client)) client.close()
    else if (holder && !holder.closed) holder.close(() => registerClient(client))
    else register(client)
  }

  Object.assign(aedes, {
    authenticate(client: Client, ...rest: [never, never, never]) {
      newest.set(client.id, client)
      client.conn.once('close', () => {
        if (newest.get(client.id) === client) newest.delete(client.id)
      })
      authenticate(client, ...rest)
    },
    registerClient,
    unregisterClient(client: Client) {
      if (registry.clients[client.id] === client) unregister(client)
    },
  })
}
