import { after } from 'node:test'
import { messagesOf, mqtt } from './clients.ts'
import { startGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts'
import type { Credentials } from './pki.ts'

/** Starts a gateway and a device for the tests of one suite; closed after its last test. */
export async function suiteGateway(
  options: TestGatewayOptions = {},
): Promise<{ readonly at: TestGateway; readonly device: Credentials }> {
  const at = await startGateway(options)
  after(() => at[Symbol.asyncDispose]())
  return { at, device: await at.pki.issue('device.d.wott.local') }
}

/** The same with a device `writer`, and the messages that a subscriber `reader` of all topics receives. */
export async function suitePublishing(options: TestGatewayOptions): Promise<{
  readonly at: TestGateway
  readonly writer: Credentials
  readonly messages: ReturnType<typeof messagesOf>
}> {
  const { at } = await suiteGateway(options)
  const subscriber = await mqtt(at, await at.pki.issue('reader'))
  const messages = messagesOf(subscriber)
  await subscriber.subscribeAsync('#', { qos: 1 })
  return { at, writer: await at.pki.issue('writer'), messages }
}
