import { readFileSync } from 'node:fs'

/** Open files of a process besides its clients. */
const OTHERS = 1_500

/** Throws if the limit of open files does not allow that many clients: proc(5). */
export function requireOpenFiles(clients: number): void {
  const limits = readFileSync('/proc/self/limits', 'latin1')
  const most = Number(/^Max open files +\d+ +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  const needed = clients + OTHERS
  if (most < needed)
    throw new Error(
      `${clients} clients need ${needed} open files and ${most} are allowed: ulimit -n ${needed}`,
    )
}
