import { once } from 'node:events'
import { connect } from 'node:net'
import type { Program } from '../cli/program.ts'
import { until } from './until.ts'

/** Resolves once a program listens on a loopback port or a Unix socket; rejects if it has ended. */
export async function untilListening(where: number | string, program: Program): Promise<void> {
  let hasEnded = false
  void program.ended.then(() => {
    hasEnded = true
  })
  await until(
    () => hasEnded || isListening(where),
    (isOver) => isOver,
  )
  if (hasEnded) throw new Error(program.lines.join('\n'))
}

/** Whether a program listens there. */
export async function isListening(where: number | string): Promise<boolean> {
  const socket = typeof where === 'number' ? connect(where, '127.0.0.1') : connect(where)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
