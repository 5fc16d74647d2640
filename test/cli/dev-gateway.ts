import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cp, readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { initialisedDirectory } from '../ca/temporary.ts'
import {
  type Folder,
  lastingPorts,
  type Running,
  run,
  samePorts,
  startGateway,
  temporaryFolder,
} from './program.ts'

/** It would be another process to start. */
const NO_ENROLLER = ['--enrol-listen', 'off']

type Protocol = 'https' | 'mqtt'

/** `wott-gateway dev` in its own folder, without the enrol door. */
export interface DevGateway extends AsyncDisposable {
  /** The folder with the sample devices. */
  readonly cwd: string
  readonly program: Running
  /** The flags with which a client connects to it. */
  readonly via: Readonly<Record<Protocol, string[]>>
  /** Runs `wott-gateway pub ARGS` as the sample sensor. */
  pub(...args: string[]): Promise<void>
  /** Publishes as the sample sensor, stored and without the start of a program. */
  publish(topic: string, payload: string): Promise<void>
  /** Stops it, and starts it on the same ports after `whileItIsAway`. */
  restart(whileItIsAway: () => Promise<unknown>): Promise<void>
}

export async function startDev(): Promise<DevGateway> {
  const folder: Folder = await temporaryFolder()
  const cwd = folder.path
  const wott = join(cwd, '.wott')
  await using made = await initialisedDirectory()
  await cp(made.path, wott, { recursive: true })
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'client.crt', 'client.key'].map((name) =>
      readFile(join(wott, 'devices/sensor', name)),
    ),
  )
  let program = await startGateway(['dev', ...(await lastingPorts(NO_ENROLLER))], { cwd })
  const via = {
    https: ['--port', String(program.ports.device), '--via', 'https'],
    mqtt: ['--port', String(program.ports.mqtt), '--via', 'mqtt'],
  }
  return {
    cwd,
    via,
    get program() {
      return program
    },
    async pub(...args) {
      const { code, stdout, stderr } = await run(['pub', ...args], { cwd })
      assert.deepEqual([code, stdout, stderr], [0, '', ''])
    },
    async publish(topic, payload) {
      const sent = request({
        method: 'POST',
        host: 'localhost',
        port: program.ports.device,
        path: `/topics/${topic}?qos=1`,
        ca,
        cert,
        key,
        agent: false,
      })
      sent.end(payload)
      const [answer] = (await once(sent, 'response')) as [IncomingMessage]
      answer.resume()
      assert.equal(answer.statusCode, 200)
    },
    async restart(whileItIsAway) {
      program.process.kill('SIGTERM')
      assert.equal((await program.ended).code, 0)
      await whileItIsAway()
      program = await startGateway(['dev', ...samePorts(program, NO_ENROLLER)], { cwd })
    },
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}
