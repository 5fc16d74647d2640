import { Counter, Gauge, type Registry } from 'prom-client'
import { type Door, doorsWith } from '../door-table.ts'
import {
  CUT_REASONS,
  type HandshakeResult,
  HTTP_CUT_REASONS,
  type Meter,
  REFUSED_REQUESTS,
  UNIDENTIFIED,
} from './meter.ts'

type DoorMeter = Pick<
  Meter,
  | 'connectionOpened'
  | 'connectionClosed'
  | 'connectionCut'
  | 'handshake'
  | 'handshakeDelayed'
  | 'requestRefused'
  | 'identityHeaderIgnored'
  | 'passedOnRefused'
>

/**
 * Counts who comes to the doors of a process. Every counter starts at zero: one that starts with its first event hides that event
 * from rate().
 */
export function registerDoorMetrics(registry: Registry, process: 'serve' | 'enrol'): DoorMeter {
  const withMqtt: readonly Door[] = doorsWith({ process, speaksMqtt: true })
  const registers = [registry]
  // counted in plain numbers and copied at each scrape: prom-client would hash the labels of every connection
  const connections = new Map<Door, number>(doorsWith({ process }).map((door) => [door, 0]))
  new Gauge({
    name: 'wott_connections',
    help: 'Open connections.',
    labelNames: ['door'],
    registers,
    collect() {
      for (const [door, count] of connections) this.set({ door }, count)
    },
  })
  const connectionsCut = new Counter({
    name: 'wott_connections_cut_total',
    help: 'Connections that were refused or closed because of a limit or of what the client sent.',
    labelNames: ['door', 'reason'],
    registers,
  })
  const handshakes = new Map<Door, Record<HandshakeResult, number>>(
    doorsWith({ process, hasTls: true }).map((door) => [door, { full: 0, resumed: 0, refused: 0 }]),
  )
  new Counter({
    name: 'wott_handshakes_total',
    help: 'TLS connections: with a full or a resumed handshake, or refused in it or right after it.',
    labelNames: ['door', 'result'],
    registers,
    collect() {
      this.reset()
      for (const [door, counts] of handshakes)
        for (const [result, count] of Object.entries(counts)) this.inc({ door, result }, count)
    },
  })
  const handshakesDelayed = new Counter({
    name: 'wott_handshakes_delayed_total',
    help: 'TLS connections that had to wait before their handshake because too many began at once.',
    labelNames: ['door'],
    registers,
  })
  const requestsRefused = new Counter({
    name: 'wott_requests_refused_total',
    help: 'HTTP requests without a session that were refused because their address sends too many.',
    labelNames: ['door', 'reason'],
    registers,
  })
  const identityHeaders = new Counter({
    name: 'wott_spoofed_identity_headers_total',
    help: 'HTTP requests with a client certificate in a header on doors other than the proxy door; the header is ignored.',
    labelNames: ['door'],
    registers,
  })
  for (const door of doorsWith({ process, ignoresIdentityHeaders: true }))
    identityHeaders.inc({ door }, 0)
  const passedOnRefused = process === 'serve' ? registerPassedOn(registry) : () => {}
  for (const door of doorsWith({ process, hasTls: true })) handshakesDelayed.inc({ door }, 0)
  for (const door of doorsWith({ process, takesStrangers: true }))
    for (const reason of REFUSED_REQUESTS) requestsRefused.inc({ door, reason }, 0)
  for (const door of doorsWith({ process })) {
    const reasons = withMqtt.includes(door) ? CUT_REASONS : HTTP_CUT_REASONS
    for (const reason of reasons) connectionsCut.inc({ door, reason }, 0)
  }

  function changeBy(door: Door, change: number): void {
    connections.set(door, (connections.get(door) ?? 0) + change)
  }

  return {
    connectionOpened: (door) => changeBy(door, 1),
    connectionClosed: (door) => changeBy(door, -1),
    connectionCut: (door, reason) => connectionsCut.inc({ door, reason }),
    handshake(door, result) {
      const counts = handshakes.get(door)
      if (counts) counts[result] += 1
    },
    handshakeDelayed: (door) => handshakesDelayed.inc({ door }),
    requestRefused: (door, reason) => requestsRefused.inc({ door, reason }),
    identityHeaderIgnored: (door) => identityHeaders.inc({ door }),
    passedOnRefused,
  }
}

function registerPassedOn(registry: Registry): (code: string) => void {
  const refused = new Counter({
    name: 'wott_proxied_requests_refused_total',
    help: 'Requests on the proxy door that were refused because their device is unknown, by the code of the answer.',
    labelNames: ['code'],
    registers: [registry],
  })
  for (const code of UNIDENTIFIED) refused.inc({ code }, 0)
  return (code) => refused.inc({ code })
}
