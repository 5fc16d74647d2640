import { writeFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { http1, mqtt } from '../../support/clients.ts'
import { ACL, type Site } from '../site.ts'
import { closing } from './mqtt.ts'

const ASK_MS = 50

/** Makes the gateway reload a revocation list and an ACL file, and waits until it uses both. */
export async function reload(site: Site, round: number): Promise<void> {
  const revoked = await site.pki.issue('revoked.d.wott.local')
  const client = await mqtt(site, revoked)
  const closed = closing(client)
  await site.pki.revoke(revoked.serial)
  await closed
  client.end(true)
  const [device] = site.devices
  if (!device) throw new Error('no device')
  // moves a right from one topic to the other
  const topic = `turn/${round % 2}`
  await writeFile(site.aclFile, `${ACL}user device-0.d.wott.local\ntopic readwrite ${topic}\n`)
  const request = { path: `/topics/${topic}`, method: 'POST', body: '1' }
  while ((await http1(site, device, request)).status !== 200) await pause(ASK_MS)
}
