import { type DestinationStream, type Logger, pino } from 'pino'

/** One JSON object a line on standard output; on a terminal, lines for people. */
export async function createLogger(level: string): Promise<Logger> {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    await destination(),
  )
}

async function destination(): Promise<DestinationStream> {
  if (!process.stdout.isTTY) {
    const output = pino.destination({ fd: 1, sync: true })
    // a full disk or a vanished terminal must not end the service; EPIPE pino answers itself
    output.on('error', () => {})
    return output
  }
  const { default: pretty } = await import('pino-pretty')
  return pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', sync: true })
}
