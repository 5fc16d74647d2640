import type { PacketReader } from './reader.ts'

/** Calls `onSilence` once a client has sent nothing for one and a half times its keep alive, in seconds [MQTT-3.1.2-22]. Returns what stops it. */
export function watchKeepAlive(
  keepAlive: number,
  reader: Pick<PacketReader, 'lastHeard'>,
  onSilence: () => void,
): () => void {
  if (keepAlive === 0) return nothing
  const limit = keepAlive * 1500
  let timer = setTimeout(check, limit).unref()

  function check(): void {
    const left = limit - (performance.now() - reader.lastHeard())
    if (left <= 0) onSilence()
    else timer = setTimeout(check, left).unref()
  }

  return () => clearTimeout(timer)
}

function nothing(): void {}
