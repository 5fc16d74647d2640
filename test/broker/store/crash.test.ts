import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createClients } from './crash-clients.ts'
import { openFile, temporaryDirectory } from './stores.ts'

const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 4)
const CHILD = fileURLToPath(new URL('./crash-child.ts', import.meta.url))
const limits = { messagesPerSession: 1e6, sessions: 1e6, sessionsPerDevice: 1e6 }

/** Runs the child on the store, kills it after about that many lines, and returns all its lines. */
async function runAndKill(directory: string, round: number, lines: number): Promise<string[][]> {
  const log = join(directory, 'log')
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const child = spawn(process.execPath, [CHILD, directory, `${round}`, log, 'never'], {
    stdio: [...stdio],
  })
  const exited = once(child, 'exit')
  let heard = 0
  for await (const dots of child.stdout) {
    heard += dots.length
    if (heard >= lines) child.kill('SIGKILL')
  }
  const [, signal] = await exited
  const said = readFileSync(log, 'utf8').split('\n').slice(0, -1)
  assert.equal(signal, 'SIGKILL', `the child ended by itself: ${said.at(-1)}`)
  return said.map((line) => line.split(' '))
}

test(`kill -9 loses and doubles nothing that was acknowledged, ${ROUNDS} times`, async (t) => {
  const directory = temporaryDirectory()
  const clients = createClients()
  for (let round = 1; round <= ROUNDS; round++) {
    const lines = 1 + Math.floor(Math.random() * 2_000)
    for (const words of await runAndKill(directory, round, lines)) clients.hear(words)
    const at = await openFile(directory, { limits })
    await clients.check(at)
    await clients.reconnect(at)
    await at.broker.close()
    t.diagnostic(`killed after ${lines} lines, ${clients.count()} messages so far`)
  }
  assert.ok(clients.count() > 0, 'the child published nothing')
})
