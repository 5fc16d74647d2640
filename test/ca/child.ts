import { type ChildProcess, spawn } from 'node:child_process'

const CHECKOUT = new URL('../../', import.meta.url)

/** Runs `code` as a module in a new process; imports from `'src/…'` are from this checkout. */
export function start(code: string, ...args: readonly string[]): ChildProcess {
  const module = code.replaceAll("'src/", `'${CHECKOUT.href}src/`)
  return spawn(process.execPath, ['--input-type=module', '--eval', module, '--', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}
