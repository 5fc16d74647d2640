import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { startAny, temporaryFolder } from '../cli/program.ts'
import { run } from './clients.ts'
import { freePort } from './free-port.ts'
import type { TestGateway } from './gateway.ts'
import type { Credentials } from './pki.ts'

/** The folder has its own package.json and lock file, so that the gateway's `npm ci` stays small. */
const HOME = resolve(import.meta.dirname, '../node-red')
const TAB = { id: 'tab', type: 'tab', label: 'test' }

/** A node as the editor exports it. */
export interface FlowNode {
  readonly id: string
  readonly type: string
  readonly [property: string]: unknown
}

/** Fields of an `mqtt-broker` node. */
export interface BrokerFields {
  readonly protocolVersion: 4 | 5
  readonly [field: string]: unknown
}

export interface RunningNodeRed extends AsyncDisposable {
  /** Resolves with the first line of its log, past or future, that matches. */
  line(matches: RegExp): Promise<string>
  /** All lines of its log so far. */
  readonly lines: readonly string[]
  /** Presses the button of an `inject` node, as the editor does. */
  press(id: string): Promise<void>
  /** Stops it as a service manager does. */
  stop(): Promise<void>
}

/** A Node-RED installation with its flow, which can be started several times. */
export interface NodeRed extends AsyncDisposable {
  /** Starts it; resolves once the flow runs, perhaps before it is connected. */
  start(): Promise<RunningNodeRed>
}

/** Installs Node-RED if it is missing or has another version. */
export async function installNodeRed(): Promise<void> {
  const json = async (file: string) => JSON.parse(await readFile(join(HOME, file), 'utf8'))
  const wanted = (await json('package.json')).dependencies['node-red']
  // npm writes this file last
  const installed = await json('node_modules/.package-lock.json').catch(() => null)
  if (installed?.packages['node_modules/node-red']?.version === wanted) return
  const { code, stderr } = await run('npm', ['ci', '--prefix', HOME])
  if (code !== 0) throw new Error(`npm ci in ${HOME}: ${stderr}`)
}

/** The nodes on one tab, with the gateway as the server of their MQTT nodes. */
export function flowWith(
  at: Pick<TestGateway, 'ports'>,
  who: Credentials,
  fields: BrokerFields,
  nodes: readonly FlowNode[],
): FlowNode[] {
  const tls = { certType: 'files', cert: who.certFile, key: who.keyFile, ca: who.caFile }
  const server = { broker: 'localhost', port: String(at.ports.mqtt), usetls: true, tls: 'tls' }
  return [
    TAB,
    { id: 'tls', type: 'tls-config', ...tls, verifyservercert: true },
    { id: 'server', type: 'mqtt-broker', ...server, keepalive: '60', ...fields },
    // Node-RED takes a node without a position for a configuration node
    ...nodes.map((node) => ({
      x: 0,
      y: 0,
      ...node,
      z: TAB.id,
      ...(node.type.startsWith('mqtt ') ? { broker: 'server' } : {}),
    })),
  ]
}

export async function createNodeRed(flow: readonly FlowNode[]): Promise<NodeRed> {
  const folder = await temporaryFolder()
  const port = await freePort()
  const settings = { uiHost: '127.0.0.1', uiPort: port, flowFile: 'flows.json' }
  await writeFile(
    join(folder.path, 'settings.js'),
    `module.exports = ${JSON.stringify({ ...settings, credentialSecret: false })}\n`,
  )
  await writeFile(join(folder.path, 'flows.json'), JSON.stringify(flow))

  return {
    async start() {
      const program = startAny(
        process.execPath,
        ['node_modules/node-red/red.js', '--userDir', folder.path, '--no-telemetry'],
        { cwd: HOME },
      )
      await program.line(/Started flows/)
      return {
        lines: program.lines,
        line: (matches) => program.line(matches),
        async press(id) {
          const { status } = await fetch(`http://127.0.0.1:${port}/inject/${id}`, {
            method: 'POST',
          })
          if (status !== 200) throw new Error(`pressing ${id}: ${status}`)
        },
        async stop() {
          program.process.kill('SIGTERM')
          await program.ended
        },
        [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
      }
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}
