import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Broker } from '../../src/broker/broker.ts'
import { openMqtt } from '../support/broker.ts'
import { brokerContract } from './contract.ts'

async function open(address: string): Promise<Broker> {
  const { broker } = await openMqtt(address, '')
  return broker
}

brokerContract('memory:', async () => {
  const broker = await open('memory:')
  return { broker, remove: () => broker.close() }
})

brokerContract('file:', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'wott-broker-'))
  const address = `file:${join(directory, 'data')}`
  const opened = [await open(address)]
  return {
    broker: opened[0] as Broker,
    async reopen() {
      await opened.at(-1)?.close()
      opened.push(await open(address))
      return opened.at(-1) as Broker
    },
    async remove() {
      for (const broker of opened) await broker.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
})
