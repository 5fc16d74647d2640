import { connectAsync, type MqttClient } from 'mqtt'
import type { SettingName } from '../../src/config/schema.ts'
import { type Answer, eventSource, http1, type StreamEvent } from './clients.ts'
import { startGateway, type TestGateway } from './gateway.ts'
import type { Credentials } from './pki.ts'

/** A gateway in front of another broker, to which it is connected, with one device that may do everything. */
export interface RelayedGateway extends AsyncDisposable {
  readonly at: TestGateway
  readonly device: Credentials
  /** Resolves once it has connected that many times. */
  connected(times: number): Promise<void>
  get(path: string): Promise<Answer>
  post(topic: string, body: string, query?: string): Promise<Answer>
  /** Follows filters: payloads of messages, and reasons of gaps and ends. */
  follow(query: string, headers?: Record<string, string>): Promise<Following>
}

export interface Following extends Disposable {
  /** The next event, in one word. */
  next(): Promise<string>
  event(): Promise<StreamEvent>
}

export async function startRelayed(
  port: number,
  settings: Partial<Record<SettingName, string>> = {},
): Promise<RelayedGateway> {
  const at = await startGateway({
    acl: 'pattern readwrite #\n',
    settings: { broker: `mqtt://127.0.0.1:${port}`, brokerSettle: '100', ...settings },
  })
  const device = await at.pki.issue('a.d.wott.local')
  async function connected(times: number): Promise<void> {
    const count = () => at.log.filter(({ msg }) => msg === 'connected to the broker').length
    await at.logged(() => count() >= times)
  }
  await connected(1)

  return {
    at,
    device,
    connected,
    get: (path) => http1(at, device, { path }),
    post: (topic, body, query = 'qos=1') =>
      http1(at, device, { path: `/topics/${topic}?${query}`, method: 'POST', body }),
    async follow(query, headers = {}) {
      const events = await eventSource(at, device, `/stream?${query}`, headers)
      return {
        event: events.next,
        async next() {
          const { event, data } = await events.next()
          const { payload, reason, code } = JSON.parse(data || '{}')
          return event === undefined ? payload : `${event} ${reason ?? code}`
        },
        [Symbol.dispose]: () => events[Symbol.dispose](),
      }
    },
    async [Symbol.asyncDispose]() {
      await at[Symbol.asyncDispose]()
    },
  }
}

/** A client of the other broker. */
export async function clientOf(
  port: number,
  protocolVersion: 4 | 5 = 5,
): Promise<MqttClient & AsyncDisposable> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion,
    reconnectPeriod: 0,
  })
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.endAsync() })
}
