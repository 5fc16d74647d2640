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
  const broker = await open(`file:${join(directory, 'data')}`)
  return {
    broker,
    async remove() {
      await broker.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
})
