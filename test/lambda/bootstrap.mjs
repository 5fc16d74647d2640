// What Lambda does with a module: imports its handler once, and gives it one event after the other.
const [, , module, name = 'handler'] = process.argv
const began = performance.now()
const { [name]: handler } = await import(module)
process.send({ imported: performance.now() - began })
process.on('message', async ({ event, ms }) => {
  const end = Date.now() + ms
  const started = performance.now()
  try {
    const result = await handler(event, { getRemainingTimeInMillis: () => end - Date.now() })
    const { user, system } = process.cpuUsage()
    const memory = process.memoryUsage.rss() / 1e6
    process.send({
      result,
      cost: { ms: performance.now() - started, cpu: (user + system) / 1000, memory },
    })
  } catch (error) {
    process.send({ error: String(error) })
  }
})
process.on('disconnect', () => process.exit())
