import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Broker } from '../../src/broker/broker.ts'
import { openBroker } from '../../src/broker/open.ts'
import { loadConfig } from '../../src/config/load.ts'
import { silentMeter } from '../../src/metrics/meter.ts'
import { aclOf } from '../support/acl.ts'
import { brokerContract } from './contract.ts'

function open(address: string): Promise<Broker> {
  const config = loadConfig({}, { broker: address, aclFile: '/dev/null' })
  const log = pino({ level: 'silent' })
  return openBroker(config.broker, {
    ...config,
    acl: aclOf(''),
    denials: { note() {} },
    meter: silentMeter,
    log,
  })
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
