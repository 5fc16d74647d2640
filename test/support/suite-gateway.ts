import { after } from 'node:test'
import { startGateway, type TestGateway, type TestGatewayOptions } from './gateway.ts'
import type { Credentials } from './pki.ts'

/** A gateway and a device for the tests of one suite, whose function awaits them; closed after the last test. */
export async function suiteGateway(
  options: TestGatewayOptions = {},
): Promise<{ readonly at: TestGateway; readonly device: Credentials }> {
  const at = await startGateway(options)
  after(() => at[Symbol.asyncDispose]())
  return { at, device: await at.pki.issue('device.d.wott.local') }
}
