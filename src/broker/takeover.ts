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
  const register = registry.registerClient.bind(aedes)
  const unregister = registry.unregisterClient.bind(aedes)
  const newest = new Map<string, Client>()

  function registerClient(client: Client): void {
    if (client.closed) return
    newest.set(client.id, client)
    client.conn.once('close', () => {
      if (newest.get(client.id) === client) newest.delete(client.id)
    })
    const holder = registry.clients[client.id]
    if (holder && !holder.closed) holder.close(takeOver)
    else takeOver()

    function takeOver(): void {
      if (newest.get(client.id) !== client) client.close()
      else if (!client.closed) register(client)
    }
  }

  function unregisterClient(client: Client): void {
    if (registry.clients[client.id] === client) unregister(client)
  }

  Object.assign(aedes, { registerClient, unregisterClient })
}
