import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { IConnackPacket } from 'mqtt-packet'
import { loadConfig } from '../../src/config/load.ts'
import { OPTIONS, type Option } from '../../src/config/mosquitto/options.ts'
import { type MosquittoSettings, readMosquittoConf } from '../../src/config/mosquitto/settings.ts'
import { SETTINGS } from '../../src/config/schema.ts'
import { freePort } from '../support/free-port.ts'
import { MOSQUITTO } from '../support/mosquitto.ts'
import { type Credentials, createPki } from '../support/pki.ts'
import { connectPacket, rawMqtt } from '../support/raw-mqtt.ts'
import { SEED } from '../support/seed.ts'
import { FOLDER, file, PORT } from './generator.ts'

// CONF_DIFFERENTIAL_ROUNDS=5000 makes a longer run; FUZZ_SEED repeats a failed one
const rounds = Number(process.env.CONF_DIFFERENTIAL_ROUNDS ?? 200)
const AT_ONCE = 4

let folder: string
let device: Credentials
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wott-conf-'))
  const pki = await createPki(join(folder, 'pki'))
  const own = await pki.issue('mosquitto.d.wott.local', { names: ['localhost'] })
  device = await pki.issue('device.d.wott.local')
  await copyFile(own.caFile, join(folder, 'ca.crt'))
  await copyFile(own.certFile, join(folder, 'own.crt'))
  await copyFile(own.keyFile, join(folder, 'own.key'))
  await writeFile(join(folder, 'acl'), 'pattern readwrite #\n')
})
after(() => rm(folder, { recursive: true }))

test('a real Mosquitto accepts the files that the gateway accepts, with the same settings', async (t) => {
  t.diagnostic(`FUZZ_SEED=${SEED}`)
  const files = fc.sample(file, { numRuns: rounds, seed: SEED })
  const counts = { opened: 0, refused: 0 }
  async function compareAll(worker: number): Promise<void> {
    try {
      for (let text = files.pop(); text !== undefined; text = files.pop())
        counts[await compare(text, join(folder, `${worker}.conf`))] += 1
    } finally {
      files.length = 0
    }
  }
  const workers = Array.from({ length: AT_ONCE }, (_, worker) => compareAll(worker))
  // the folder is removed after all have ended
  await Promise.allSettled(workers)
  await Promise.all(workers)
  t.diagnostic(`${rounds} files, ${counts.opened} of them taken by both`)
  assert.ok(
    counts.opened > rounds / 10 && counts.refused > rounds / 10,
    'too few files of one kind',
  )
})

/** Errors about a host that does not exist or that libwebsockets refuses, not about the file. */
const LISTENS_NOWHERE = /Error creating listener: |Opening websockets listen socket/

/** What the gateway refuses on purpose although Mosquitto accepts it. */
const DIFFERENCES: readonly RegExp[] = [
  // Mosquitto reads "64k" as 64, and "many" as 0
  /must be a whole number/,
  // OpenSSL treats blanks as colons
  /ciphers must be OpenSSL names of cipher suites/,
  /the user is the CN, not the whole subject/,
  /this listener has no cafile/,
]
const CANNOT = Object.values(OPTIONS).flatMap(notesOfErrors)

function notesOfErrors(option: Option): string[] {
  if (option.becomes === 'switch') return [option.on, option.off].flatMap(notesOfErrors)
  return option.becomes === 'error' ? [option.note] : []
}

async function compare(template: string, path: string, attempt = 1): Promise<'opened' | 'refused'> {
  const port = await freePort()
  const text = template.replaceAll(PORT, String(port)).replaceAll(FOLDER, folder)
  await writeFile(path, text)
  const ours = readMosquittoConf(path)
  const problems = [...ours.problems, ...(ours.problems.length > 0 ? [] : problemsOfSettings(path))]
  await using theirs = await runMosquitto(path)
  const shown = `${JSON.stringify(text)}\nhere: ${problems.join('\n')}\nthere: ${theirs.said}`
  // another program took the port
  if (attempt < 5 && /Address already in use/.test(theirs.said))
    return compare(template, path, attempt + 1)
  if (problems.length === 0) {
    if (theirs.fate === 'failed' && LISTENS_NOWHERE.test(theirs.said)) return 'opened'
    assert.equal(theirs.fate, 'opened', shown)
    assert.deepEqual(portsOf(ours), theirs.ports, shown)
    if (!text.includes('websockets')) await compareTerms(ours, theirs.ports[0] ?? port, shown)
    return 'opened'
  }
  if (theirs.fate === 'refused') {
    const lines = problems.map((problem) => Number(problem.slice(path.length + 1).split(' ')[0]))
    assert.ok(lines.includes(theirs.line), shown)
  } else if (theirs.fate === 'opened')
    for (const problem of problems)
      assert.ok(
        DIFFERENCES.some((known) => known.test(problem)) ||
          CANNOT.some((note) => problem.endsWith(note)),
        `${problem}\n${shown}`,
      )
  return 'refused'
}

function problemsOfSettings(path: string): string[] {
  try {
    loadConfig({ WOTT_MOSQUITTO_CONF: path })
    return []
  } catch (error) {
    return [(error as Error).message]
  }
}

function portsOf({ settings }: MosquittoSettings): number[] {
  const doors = [settings.mqttListen, settings.deviceListen]
  return doors.flatMap((door) =>
    door && door.text !== 'off' ? [Number(door.text.split(':').at(-1))] : [],
  )
}

/** Compares the limits in a CONNACK. */
async function compareTerms({ settings }: MosquittoSettings, port: number, shown: string) {
  using client = await rawMqtt({ ports: { mqtt: port } }, device).catch((error) => {
    throw new Error(shown, { cause: error })
  })
  client.send(connectPacket({ protocolVersion: 5, keepalive: 65_535 }))
  const { reasonCode, properties = {} } = (await client.next()) as IConnackPacket
  // after "require_certificate false" it requests no certificate, and does not know the client
  if (reasonCode !== 0) return
  const text = (name: keyof typeof settings, otherwise: number) =>
    Number(settings[name]?.text ?? otherwise)
  // 10 and 20 are the defaults of Mosquitto
  assert.equal(text('maxKeepAlive', 65_535), properties.serverKeepAlive ?? 65_535, shown)
  assert.equal(text('topicAliasMaximum', 10), properties.topicAliasMaximum ?? 0, shown)
  assert.equal(text('maxInflight', 20), properties.receiveMaximum ?? 65_535, shown)
  if (!settings.maxPayload?.from.endsWith(' max_packet_size')) return
  const bytes = SETTINGS.maxPayload.parse(settings.maxPayload.text)
  assert.equal(bytes, Math.min(properties.maximumPacketSize ?? 0, 2 ** 26), shown)
}

interface Run extends AsyncDisposable {
  /** Refused at a line; stopped before it ran; or opened. */
  readonly fate: 'refused' | 'failed' | 'opened'
  readonly line: number
  readonly ports: readonly number[]
  readonly said: string
}

async function runMosquitto(path: string): Promise<Run> {
  const broker = spawn(MOSQUITTO, ['-v', '-c', path], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const gone = once(broker, 'exit')
  const lines: string[] = []
  // its standard error stays open, as it ends without it
  await new Promise<void>((resolve) => {
    createInterface(broker.stderr)
      .on('line', (line) => {
        lines.push(line)
        if (line.endsWith(' running')) resolve()
      })
      .on('close', resolve)
  })
  const said = lines.join('\n')
  const [, at] = /Error found at .*:(\d+)\.$/m.exec(said) ?? []
  const running = said.endsWith(' running')
  const opened = [...said.matchAll(/Opening \S+ listen socket on port (\d+)/g)]
  return {
    fate: at !== undefined ? 'refused' : running ? 'opened' : 'failed',
    line: Number(at),
    ports: [...new Set(opened.map(([, port]) => Number(port)))],
    said,
    async [Symbol.asyncDispose]() {
      broker.kill('SIGKILL')
      await gone
    },
  }
}
