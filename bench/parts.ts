/** One benchmark that `npm run bench -- NAME` runs. */
export interface Part {
  readonly title: string
  readonly file: string
  readonly args: readonly string[]
  /** Arguments of a short run. */
  readonly short: readonly string[]
  /** Its duration on two idle cores. */
  readonly minutes: number
}

export const PARTS: Readonly<Record<string, Part>> = {
  http: {
    title: 'POST over kept-alive connections, compared with a bare Fastify and node:https',
    file: 'http.ts',
    // QoS 0 and 1 cost the same in memory, so HTTP/2 is measured with one of them
    args: [
      ...['--rounds', '9', '--seconds', '0.5', '--only'],
      'h1-q0-1,h1-q0-64,h1-q1-1,h1-q1-64,h2-q1-1,h2-q1-64',
    ],
    short: ['--rounds', '1', '--seconds', '0.3', '--only', 'h1-q0-64,h2-q1-1'],
    minutes: 2,
  },
  load: {
    title: 'POST at 70 % of the capacity of a core, compared with a bare Fastify and nginx',
    file: 'load.ts',
    args: ['--rounds', '5', '--seconds', '2'],
    short: ['--rounds', '1', '--seconds', '0.5'],
    minutes: 1.1,
  },
  batches: {
    title: 'NDJSON of 500 readings, compared with single POSTs',
    file: 'batches.ts',
    args: [],
    short: ['--rounds', '1', '--seconds', '0.3'],
    minutes: 0.4,
  },
  durable: {
    title: 'POST with QoS 1 to a store on disk, compared with one in memory',
    file: 'durable.ts',
    args: [],
    short: ['--rounds', '1', '--seconds', '0.3'],
    minutes: 0.4,
  },
  proxied: {
    title: 'POST through a proxy that forwards the certificate, compared with a direct POST',
    file: 'proxied.ts',
    args: ['--rounds', '4', '--seconds', '0.4'],
    short: ['--rounds', '1', '--seconds', '0.3'],
    minutes: 0.4,
  },
  handshakes: {
    title: 'A handshake and one POST, compared with node:https and nginx',
    file: 'handshakes.ts',
    args: ['--rounds', '5', '--seconds', '0.8'],
    short: ['--rounds', '1', '--seconds', '0.3'],
    minutes: 0.5,
  },
  'fan-out': {
    title: 'One POST to many event streams, compared with nginx with nchan',
    file: 'fan-out.ts',
    args: ['--rounds', '4', '--streams', '1,100,1000,10000'],
    short: ['--streams', '100', '--rounds', '1', '--events', '1000'],
    minutes: 4.2,
  },
  readers: {
    title: 'A POST while streams on other topics are open',
    file: 'readers.ts',
    args: ['--rounds', '5', '--seconds', '0.6'],
    short: ['--rounds', '1', '--seconds', '0.4', '--counts', '20,200'],
    minutes: 0.9,
  },
  memory: {
    title: 'Memory of idle streams and MQTT clients, compared with nginx with nchan and Mosquitto',
    file: 'memory.ts',
    args: ['--after', '40'],
    short: ['--clients', '200', '--after', '1'],
    minutes: 8,
  },
  mqtt: {
    title: 'MQTT, compared with Mosquitto and aedes',
    file: 'broker.ts',
    args: ['--brokers', 'mosquitto,aedes,gateway', '--rounds', '3', '--seconds', '0.3'],
    short: ['--rounds', '1', '--seconds', '0.3', '--only', '200-1-q1,5-shared'],
    minutes: 2,
  },
  latency: {
    title: 'Latency from a POST to its readers, at 1,000 readings per second',
    file: 'latency.ts',
    args: ['--rounds', '3', '--seconds', '3'],
    short: ['--rounds', '1', '--seconds', '0.5'],
    minutes: 0.5,
  },
  acl: { title: 'ACL: loading and decisions', file: 'acl.ts', args: [], short: [], minutes: 0.2 },
  'cold-start': {
    title: 'Cold start: from exec to the first 200',
    file: 'cold-start.ts',
    args: ['7'],
    short: ['1'],
    minutes: 0.3,
  },
  history: {
    title: 'History: a week of one topic from a million entries',
    file: 'history.ts',
    args: [],
    short: ['--entries', '100000', '--rounds', '2'],
    minutes: 0.3,
  },
  scale: {
    title: 'A POST with more and more connections, topics and sessions',
    file: 'scale.ts',
    // streams are measured by the part `readers`
    args: [
      '--sizes',
      '1000,10000',
      '--seconds',
      '0.6',
      '--only',
      'connections,bare,topics,sessions',
    ],
    short: ['--sizes', '100', '--rounds', '1', '--seconds', '0.3', '--only', 'topics,sessions'],
    minutes: 1.7,
  },
  growth: {
    title: 'The cost of a large log',
    file: 'growth.ts',
    args: ['--short', '--only', 'opening,absent,trimming'],
    short: ['--short', '--only', 'opening'],
    minutes: 0.3,
  },
}
