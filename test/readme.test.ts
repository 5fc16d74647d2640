import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { PROGRAM } from './cli/program.ts'
import { run } from './support/clients.ts'
import { npxOnce } from './support/docs.ts'

const ROOT = resolve(import.meta.dirname, '..')
const MODULES = join(ROOT, 'node_modules')
/** The folder of the tested package. */
const PACKAGE = resolve(PROGRAM, '../..')

interface Block {
  readonly kind: 'run' | 'follow'
  readonly script: string
}

/** The examples of the README, in order, as shell commands. `.ci/run` runs those that set up a checkout. */
async function commands(): Promise<Block[]> {
  const text = await readFile(join(ROOT, 'README.md'), 'utf8')
  return [...text.matchAll(/```(sh|sh follow|python|cron)\n([\s\S]*?)```/g)]
    .map(([, language, script = '']) => toBlock(language, script.trim()))
    .filter(({ script }) => !script.startsWith('npm ci'))
}

function toBlock(language: string | undefined, script: string): Block {
  if (language === 'python') return { kind: 'run', script: `python3 - <<'EOF'\n${script}\nEOF` }
  if (language === 'cron') return { kind: 'run', script: cronCommand(script) }
  return { kind: language === 'sh follow' ? 'follow' : 'run', script }
}

/** The command of a crontab line, for the device `kitchen` on this machine. */
function cronCommand(line: string): string {
  // cron reads "%" as the end of the command
  assert.doesNotMatch(line, /[%\n]/)
  return line
    .replace(/^(\S+ ){5}/, '')
    .replace('/opt/wott/certs', '.wott/devices/kitchen')
    .replace('gateway.example', 'localhost')
}

/** The output that the README promises, by a part of the command. */
const EXPECTED: [string, RegExp][] = [
  ['grep wott_reading', / 21\.5\n/],
  ['python3', /^200\n$/],
  ['/proc/loadavg', /"message":"OK"/],
  ['whoami', /^kitchen\.d\.wott\.local\n$/],
  ['acl explain', /may publish to "kitchen\/temperature"/],
  ['device revoke', /^revoked kitchen\.d\.wott\.local/m],
  ['serve --help', /WOTT_ACL_FILE/],
  ['/topics/wott/temperature', /"code":"read_denied"/],
]

describe('the README', () => {
  it('has commands that work in order', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'wott-readme-'))
    for (const path of [join(PACKAGE, 'package.json'), join(PACKAGE, 'bin'), MODULES])
      await symlink(path, join(folder, basename(path)))
    const started: AsyncDisposable[] = []
    try {
      const gateway = start('npm start', folder)
      started.push(gateway)
      await gateway.line((line) => line.includes('/metrics'))
      const followers = []
      const blocks = await commands()
      const scripts = npxOnce(blocks.map(({ script }) => script))
      for (const [n, script] of scripts.entries()) {
        const kind = blocks[n]?.kind
        if (kind === 'follow') {
          // stdbuf, as mosquitto_sub writes to a pipe only when its buffer is full
          const follower = start(`stdbuf -oL ${script}`, folder)
          started.push(follower)
          followers.push(follower)
        } else if (script.includes('-d 21.5')) {
          // repeats as a person would, until both terminals show it
          const shown = Promise.all(
            followers.map(({ line }) => line((text) => text.includes('21.5'))),
          )
          while (!(await Promise.race([shown, null])))
            assert.match((await shell(script, folder)).stdout, /"message":"OK"/)
        } else {
          // the gateway needs up to a second to see new rules
          const loaded = script.includes('--allow')
            ? gateway.line((line) => line.includes('access control file loaded'))
            : null
          const { code, stdout, stderr } = await shell(script, folder)
          await loaded
          assert.equal(code, 0, `${script}\n${stdout}${stderr}`)
          const expected = EXPECTED.find(([part]) => script.includes(part))
          if (expected) assert.match(stdout, expected[1])
        }
      }
    } finally {
      for (const program of started.reverse()) await program[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    }
  })
})

function shell(script: string, cwd: string) {
  return run('bash', ['-ec', `cd ${cwd}\n${script}`])
}

function start(script: string, cwd: string) {
  const child = spawn('bash', ['-c', `exec ${script}`], {
    cwd,
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lines = createInterface(child.stdout)
  return {
    line(wanted: (line: string) => boolean): Promise<void> {
      return new Promise((found, failed) => {
        lines.on('line', (text) => wanted(text) && found())
        child.once('exit', () => failed(new Error(`${script} ended early`)))
      })
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      process.kill(-(child.pid as number), 'SIGTERM')
      // npm ends before its child, which has the same output
      await once(child, 'close')
    },
  }
}
