import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Context } from '../../src/lambda/handler.ts'
import type { Result } from '../../src/lambda/result.ts'

const BOOTSTRAP = join(import.meta.dirname, 'bootstrap.mjs')

/** A process for a function, which can be frozen as Lambda does between two events. */
export interface Sandbox extends AsyncDisposable {
  /** The milliseconds of the import of its module. */
  readonly imported: number
  handler(event: unknown, context?: Context): Promise<Result>
  /** What the last answer took in milliseconds, and the process all in all: milliseconds of CPU, and megabytes. */
  last(): { readonly ms: number; readonly cpu: number; readonly memory: number }
  freeze(): void
  thaw(): void
}

export interface SandboxOptions {
  /** What is imported, as seen from `cwd`. */
  readonly module: string
  readonly cwd?: string
  readonly environment: Readonly<Record<string, string>>
}

export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { module, cwd = process.cwd(), environment } = options
  const child = fork(BOOTSTRAP, [module], {
    cwd,
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit')
  async function next() {
    const [message] = await Promise.race([
      once(child, 'message'),
      gone.then(() => {
        throw new Error('the function ended')
      }),
    ])
    return message
  }
  const { imported } = await next()
  let cost = { ms: 0, cpu: 0, memory: 0 }
  return {
    imported,
    async handler(event, context) {
      child.send({ event, ms: context?.getRemainingTimeInMillis() ?? 10_000 })
      const message = await next()
      if (message.error) throw new Error(message.error)
      cost = message.cost
      return message.result
    },
    last: () => cost,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await gone
    },
  }
}
