import assert from 'node:assert/strict'
import { cp, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { initDirectory } from '../../src/ca/init.ts'
import { inviteViewer } from '../../src/viewer/invite.ts'
import { PROGRAM, type Program, startAny, temporaryFolder } from '../cli/program.ts'
import { run } from '../support/clients.ts'
import { npxOnce } from '../support/docs.ts'
import { freePort } from '../support/free-port.ts'
import { until } from '../support/until.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const PAGE = join(ROOT, 'docs/tutorial.md')
const MODULES = join(ROOT, 'node_modules')
/** The folder of the tested package. */
const PACKAGE = resolve(PROGRAM, '../..')
const DOORS = { '8883': 'MQTT', '8443': 'DEVICE', '9443': 'VIEWER', '9464': 'OPS' } as const

/** The output that the page promises, by a part of the command. */
const EXPECTED: [string, RegExp][] = [
  ['whoami', /^publisher\.d\.wott\.local$/m],
  ['-d 41', /"message":"OK"/],
  ['subscriber/client.key https', /^41$/],
  ['viewer invite', /https:\/\/\S+#invite=/],
  ['grep wott_reading', /wott_reading\{.*\} 41$/m],
]

/** Changes a copy of deploy/ so that Prometheus scrapes this gateway, and often. */
async function usePorts(deploy: string, env: Readonly<Record<string, string>>): Promise<void> {
  await cp(join(ROOT, 'deploy'), deploy, { recursive: true })
  const file = join(deploy, 'prometheus/prometheus.yml')
  const text = await readFile(file, 'utf8')
  const here = text.replace('127.0.0.1:9464', env.WOTT_OPS_LISTEN ?? '').replaceAll('15s', '1s')
  await writeFile(file, here)
}

/** Polls until Prometheus has scraped, as there is no event for that. */
async function seesReading(prometheus: Program): Promise<void> {
  const address = /address=(127[.\d:]+)/.exec(await prometheus.line(/Listening on/))?.[1]
  await prometheus.line(/Server is ready/)
  const query = `http://${address}/api/v1/query?query=wott_reading`
  while (!(await (await fetch(query)).text()).includes('"41"')) await setTimeout(100)
}

/** Messages that the gateway has accepted on a door. */
async function publishedOver(door: string, env: Readonly<Record<string, string>>): Promise<number> {
  const text = await (await fetch(`http://${env.WOTT_OPS_LISTEN}/metrics`)).text()
  const accepted = new RegExp(
    `^wott_publishes_total\\{door="${door}".*result="accepted"\\} (\\d+)`,
    'm',
  )
  return Number(accepted.exec(text)?.[1] ?? 0)
}

/** Makes the files that `npm start`, as in the README, leaves in a checkout. */
async function leaveFromReadme(directory: string): Promise<void> {
  await initDirectory(directory)
  await inviteViewer(join(directory, 'viewers.json'), 'viewer', 3_600_000)
}

/** Logs in with an invite, as its page does. */
async function login(link: string, port: string, ca: string): Promise<string> {
  const body = JSON.stringify({ code: /#invite=(\S+)/.exec(link)?.[1] })
  const type = 'content-type: application/json'
  const url = `https://localhost:${port}/session`
  return (await run('curl', ['-s', '--cacert', ca, '-H', type, '-d', body, url])).stdout
}

describe('docs/tutorial.md', () => {
  it('has commands that work in order', async () => {
    await using folder = await temporaryFolder()
    const [text = ''] = npxOnce([await readFile(PAGE, 'utf8')])
    await commandsWork(folder.path, text)
  })

  it('has commands that work after those of the README in the same checkout', async () => {
    await using folder = await temporaryFolder()
    await leaveFromReadme(join(folder.path, '.wott'))
    // without the start of npm, and without Prometheus, which reads nothing that the README leaves
    const text = (await readFile(PAGE, 'utf8'))
      .replaceAll('npx wott-gateway', `${process.execPath} ${PROGRAM}`)
      .replace(/```sh prometheus\n[\s\S]*?```/, '')
    await commandsWork(folder.path, text)
  })

  async function commandsWork(cwd: string, page: string): Promise<void> {
    for (const path of [join(PACKAGE, 'package.json'), join(PACKAGE, 'bin'), MODULES])
      await symlink(path, join(cwd, basename(path)))
    let text = page
    const env: Record<string, string> = {}
    // other tests may use the default ports
    for (const [usual, door] of Object.entries(DOORS)) {
      const port = await freePort()
      text = text.replaceAll(usual, String(port))
      if (door !== 'MQTT') env[`WOTT_${door}_LISTEN`] = `127.0.0.1:${port}`
    }
    await usePorts(join(cwd, 'deploy'), env)
    await using started = new AsyncDisposableStack()
    const begin = (script: string) => started.use(startAny('bash', ['-ec', script], { cwd, env }))
    let subscriber: Program | undefined
    for (const [, kind, script = ''] of text.matchAll(/```sh ?(\w*)\n([\s\S]*?)```/g)) {
      const program = begin(
        kind === 'follow'
          ? `stdbuf -oL ${script}`
          : kind === 'prometheus'
            ? `${script.trim()} --web.listen-address=127.0.0.1:0`
            : script,
      )
      if (kind === 'prometheus') await seesReading(program)
      else if (kind === 'serve') await program.line(/"door":"device".*"listening"/)
      else if (kind === 'follow') subscriber = program
      else if (kind === 'publish') {
        // repeats as a person would, until the other terminal shows it
        const shown = subscriber?.line(/^wott\/temperature 40$/)
        let total = await publishedOver('mqtt', env)
        for (; !(await Promise.race([shown, null])); total++)
          assert.equal((await begin(script).ended).code, 0)
        // with QoS 0, the last could otherwise arrive after the next reading
        await until(
          () => publishedOver('mqtt', env),
          (count) => count >= total,
        )
      } else {
        const { code, stdout, stderr } = await program.ended
        assert.equal(code, 0, `${script}\n${stdout}${stderr}`)
        const expected = EXPECTED.find(([part]) => script.includes(part))
        if (expected) assert.match(stdout.toString(), expected[1])
        if (script.includes('viewer invite')) {
          const [, port = ''] = env.WOTT_VIEWER_LISTEN?.split(':') ?? []
          const ca = join(cwd, '.wott/certs/ca.crt')
          assert.match(await login(stdout.toString(), port, ca), /"id":"alice"/)
        }
      }
    }
    await subscriber?.line(/^wott\/temperature 41$/)
  }
})
