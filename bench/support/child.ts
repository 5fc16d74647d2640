import { type ChildProcess, type Serializable, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'

export const SERVER_CORE = 0
export const LOAD_CORE = 1

export interface ChildOptions {
  readonly core: number
  readonly env?: Record<string, string>
  readonly stdio?: ('ignore' | 'inherit' | 'pipe' | 'ipc')[]
}

/** Starts a program that may use only one core. */
export function spawnOn(
  program: string,
  args: readonly string[],
  { core, env = {}, stdio = ['ignore', 'ignore', 'inherit'] }: ChildOptions,
): ChildProcess {
  return spawn('taskset', ['-c', String(core), program, ...args], {
    stdio,
    env: { ...process.env, ...env },
  })
}

/** Ends a child, if necessary with SIGKILL: a gateway that drains ignores a second SIGTERM. */
export async function end(child: ChildProcess, signal?: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill(signal)
  const force = setTimeout(() => child.kill('SIGKILL'), 5000)
  await gone
  clearTimeout(force)
}

/** A child process that answers one job at a time. */
export interface Worker<J, R> extends AsyncDisposable {
  ask(job: J): Promise<R>
}

/** Starts a load generator: a module that calls `answerJobs`. */
export function startWorker<J extends Serializable, R>(module: URL): Worker<J, R> {
  const child = spawnOn(process.execPath, [module.pathname], {
    core: LOAD_CORE,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const gone = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${module.pathname} ended with ${code ?? signal}`)
  })
  gone.catch(() => {})
  return {
    async ask(job) {
      const answered = once(child, 'message')
      child.send(job)
      const [answer] = await Promise.race([answered, gone])
      return answer
    },
    [Symbol.asyncDispose]: () => end(child),
  }
}

/** Answers the jobs of `startWorker` in the child process. */
export function answerJobs<J, R>(answer: (job: J) => Promise<R>): void {
  process.on('message', (job) => {
    answer(job as J).then(
      (result) => process.send?.(result),
      (error: unknown) => {
        process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
        process.exit(1)
      },
    )
  })
}

/** CPU times of a process, in seconds since its start. */
export interface CpuTime {
  /** CPU time of all its threads. */
  readonly busy: number
  /** Time that its main thread waited for its core. */
  readonly waited: number
}

export function cpuOf(pid: number): CpuTime {
  const read = (file: string) =>
    readFileSync(`/proc/${pid}/${file}`, 'latin1').split(' ').map(Number)
  let busy = 0
  for (const thread of readdirSync(`/proc/${pid}/task`))
    busy += read(`task/${thread}/schedstat`)[0] ?? 0
  return { busy: busy / 1e9, waited: (read('schedstat')[1] ?? 0) / 1e9 }
}
