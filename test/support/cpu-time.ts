/** Milliseconds of CPU time that this process spends on `work`, which a busy machine does not change. */
export function cpuTime(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
