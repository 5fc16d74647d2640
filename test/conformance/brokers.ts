import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway } from '../support/gateway.ts'
import { startMosquitto } from '../support/mosquitto.ts'
import { type Credentials, createPki } from '../support/pki.ts'

export const BROKERS = ['gateway', 'mosquitto'] as const
export type BrokerName = (typeof BROKERS)[number]

/** A broker for MQTT over mTLS on a loopback port, and a device that it knows. */
export interface Broker extends AsyncDisposable {
  readonly port: number
  readonly device: Credentials
}

export interface BrokerOptions {
  readonly acl: string
  /** The gateway's settings, by name. */
  readonly gateway: Readonly<Record<string, string>>
  /** The equivalent lines of Mosquitto's configuration. */
  readonly mosquitto: readonly string[]
}

const DEVICE = 'paho.d.wott.local'

export async function startBroker(name: BrokerName, options: BrokerOptions): Promise<Broker> {
  return name === 'gateway' ? startOurs(options) : startTheirs(options)
}

async function startOurs({ acl, gateway }: BrokerOptions): Promise<Broker> {
  const at = await startGateway({ acl: `user ${DEVICE}\n${acl}`, settings: gateway })
  return {
    port: at.ports.mqtt,
    device: await at.pki.issue(DEVICE),
    [Symbol.asyncDispose]: () => at[Symbol.asyncDispose](),
  }
}

async function startTheirs({ acl, mosquitto }: BrokerOptions): Promise<Broker> {
  const directory = await mkdtemp(join(tmpdir(), 'wott-paho-'))
  const pki = await createPki(directory)
  const own = await pki.issue('mosquitto.d.wott.local', { names: ['localhost'] })
  const at = await startMosquitto({
    acl: `user ${DEVICE}\n${acl}`,
    tls: { own, clients: true },
    lines: ['use_identity_as_username true', ...mosquitto],
  })
  return {
    port: at.port,
    device: await pki.issue(DEVICE),
    async [Symbol.asyncDispose]() {
      await at[Symbol.asyncDispose]()
      await rm(directory, { recursive: true })
    },
  }
}
