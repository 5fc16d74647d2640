// Compares POST with QoS 1 to a store on disk and to one in memory: node bench/durable.ts [--help]
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { GOALS } from './goals.ts'
import { report } from './support/findings.ts'
import { createGround } from './support/ground.ts'
import { measureInTurn, medianOf, openSite, valuesOf } from './support/http-site.ts'
import { median, print, printTable, ratios, withSpread } from './support/rounds.ts'
import { type Server, startBareHttp, startServer } from './support/servers.ts'

const IN_FLIGHT = 32
const HELP = `Usage: node bench/durable.ts [OPTIONS]

Compares POST with QoS 1 and 100 bytes over ${IN_FLIGHT} kept-alive HTTP/1.1 connections to two gateways: one with
WOTT_BROKER=file: and WOTT_FSYNC=always, which answers when the reading is on disk, and one with memory:. A bare Fastify, once
without a file and once with one to which it appends, shows how much of the difference is the work of Node.js and of the disk.

  --directory DIR   folder for the store; the speed of this disk influences the result [${tmpdir()}]
  --rounds N        rounds; each round measures all in turn [7]
  --seconds N       seconds of each measurement [1]`

const { values } = parseArgs({
  options: {
    directory: { type: 'string', default: tmpdir() },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '1' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

/** Milliseconds of an fsync after 4 KiB were appended to a file, without a gateway. */
function fsyncTime(directory: string): number {
  const file = openSync(join(directory, 'probe'), 'w')
  const page = Buffer.alloc(4096, 1)
  const took: number[] = []
  for (let n = 0; n < 100; n++) {
    writeSync(file, page)
    const began = performance.now()
    fsyncSync(file)
    took.push(performance.now() - began)
  }
  closeSync(file)
  return median(took)
}

async function compare(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(values.directory, 'wott-durable-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const fsync = fsyncTime(directory)
  const ground = stack.use(await createGround())
  const onDisk = { WOTT_BROKER: `file:${join(directory, 'store')}`, WOTT_FSYNC: 'always' }
  const scenario = { version: 1, qos: 1, inFlight: IN_FLIGHT } as const
  const open = async (server: Server) =>
    stack.use(await openSite(stack.use(server), ground, scenario))
  const memory = await open(await startServer('gateway', ground))
  const disk = await open(await startServer('gateway', ground, { env: onDisk }))
  const bare = await open(await startBareHttp(ground))
  const bareDisk = await open(await startBareHttp(ground, { file: join(directory, 'bare') }))
  const sites = [memory, disk, bare, bareDisk]
  const effort = { rounds: Number(values.rounds), seconds: Number(values.seconds) }
  await measureInTurn(sites, effort)
  const speed = ratios(valuesOf(disk, 'rate'), valuesOf(memory, 'rate'))
  const bareSpeed = ratios(valuesOf(bareDisk, 'rate'), valuesOf(bare, 'rate'))
  const names = ['memory:', 'file:, fsync always', 'bare Fastify', 'bare Fastify, file and sync']
  print(
    'Answers per second, microseconds of CPU per answer, and milliseconds to the answer. An fsync',
  )
  print(`of this disk alone takes ${fsync.toFixed(2)} ms.`)
  printTable([
    ['', 'rate', 'µs', 'p50', 'p99', 'p99 of all rounds'],
    ...sites.map((site, index) => [
      names[index] ?? '',
      medianOf(site, 'rate').toFixed(0),
      medianOf(site, 'cost').toFixed(0),
      medianOf(site, 'p50').toFixed(2),
      medianOf(site, 'p99').toFixed(2),
      withSpread(valuesOf(site, 'p99'), 1),
    ]),
  ])
  print(
    `The rate of file: is ${withSpread(speed)} times that of memory:, with the bare Fastify ${withSpread(bareSpeed)}`,
  )
  report({
    what: `POST, QoS 1, file: with fsync always, ${IN_FLIGHT} in flight`,
    measured: `${medianOf(disk, 'rate').toFixed(0)}/s, p99 ${medianOf(disk, 'p99').toFixed(1)} ms`,
    peer: `memory: ${medianOf(memory, 'rate').toFixed(0)}/s`,
    ratio: withSpread(speed),
    floor: `append and sync ${withSpread(bareSpeed)}`,
    goals: [
      [GOALS.durableRate, median(speed)],
      [GOALS.durableTail, medianOf(disk, 'p99')],
    ],
  })
}

if (values.help) print(HELP)
else await compare()
