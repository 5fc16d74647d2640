// Loaded into a server by --import: tells its parent how long the event loop was blocked at most since the last question.
// It reports CPU time, and time by the clock, which includes other programs on the core.

/** The longest turns of an event loop, in milliseconds. */
export interface Stops {
  readonly cpu: number
  readonly clock: number
}

if (process.send) {
  let longest = { cpu: 0, clock: 0 }
  let last = cpuOfThread()
  let lastTime = performance.now()
  setInterval(() => {
    const now = cpuOfThread()
    const cpu = now - last
    last = now
    const time = performance.now()
    longest = {
      cpu: Math.max(longest.cpu, cpu),
      clock: Math.max(longest.clock, time - lastTime),
    }
    lastTime = time
  }, 1).unref()
  process.on('message', (question) => {
    if (question !== 'stops') return
    process.send?.(longest satisfies Stops)
    longest = { cpu: 0, clock: 0 }
  })
  process.channel?.unref()
}

/** In milliseconds. */
function cpuOfThread(): number {
  // the kernel updates this time in ticks of 4 ms, and when that of the process is asked for
  process.cpuUsage()
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
