/** One benchmark that `npm run bench -- NAME` runs. */
export interface Part {
  readonly title: string
  readonly file: string
  readonly args: readonly string[]
  /** For a first impression in a minute. */
  readonly short: readonly string[]
  /** How long it takes on two cores that nobody else uses. */
  readonly minutes: number
}

export const PARTS: Readonly<Record<string, Part>> = {
  http: {
    title: 'POST over kept-alive connections, beside a bare Fastify and node:https',
    file: 'http.ts',
    args: ['--rounds', '5', '--seconds', '0.5'],
    short: ['--rounds', '2', '--seconds', '0.4', '--only', 'h1-q0-1,h1-q0-64'],
    minutes: 1.5,
  },
  load: {
    title: 'POST at 70 % of what a core bears, beside a bare Fastify',
    file: 'load.ts',
    args: ['--rounds', '5', '--seconds', '2'],
    short: ['--rounds', '2', '--seconds', '1'],
    minutes: 0.7,
  },
  batches: {
    title: 'NDJSON of 500 readings, beside single POSTs',
    file: 'batches.ts',
    args: [],
    short: ['--rounds', '2', '--seconds', '0.4'],
    minutes: 0.4,
  },
  durable: {
    title: 'POST with QoS 1 to a store on a disk, beside one in memory',
    file: 'durable.ts',
    args: [],
    short: ['--rounds', '2', '--seconds', '0.4'],
    minutes: 0.4,
  },
  proxied: {
    title: 'POST whose certificate a proxy passes on, beside one of the device itself',
    file: 'proxied.ts',
    args: ['--rounds', '4', '--seconds', '0.4'],
    short: ['--rounds', '2', '--seconds', '0.4'],
    minutes: 0.3,
  },
  handshakes: {
    title: 'A handshake and one POST, beside node:https and nginx',
    file: 'handshakes.ts',
    args: ['--rounds', '5', '--seconds', '0.8'],
    short: ['--rounds', '2', '--seconds', '0.5'],
    minutes: 0.6,
  },
  'fan-out': {
    title: 'One POST to many event streams, beside nginx with nchan',
    file: 'fan-out.ts',
    args: ['--rounds', '3', '--events', '5000', '--streams', '1,1000,10000'],
    short: ['--streams', '1,100', '--rounds', '2', '--events', '1000'],
    minutes: 2,
  },
  readers: {
    title: 'A POST beside streams on other topics',
    file: 'readers.ts',
    args: ['5', '0.5'],
    short: ['2', '0.5'],
    minutes: 1,
  },
  memory: {
    title: 'Memory of idle streams and MQTT clients, beside nginx with nchan and Mosquitto',
    file: 'memory.ts',
    args: ['--after', '10'],
    short: ['--clients', '200', '--after', '2'],
    minutes: 2.4,
  },
  mqtt: {
    title: 'MQTT, beside Mosquitto and aedes',
    file: 'broker.ts',
    args: ['--rounds', '3', '--seconds', '0.3'],
    short: ['--rounds', '1', '--seconds', '0.3'],
    minutes: 1.6,
  },
  latency: {
    title: 'From a POST to those who read it, at 1,000 readings a second',
    file: 'latency.ts',
    args: ['--rounds', '3', '--seconds', '3'],
    short: ['--rounds', '1', '--seconds', '1'],
    minutes: 0.6,
  },
  acl: { title: 'The ACL', file: 'acl.ts', args: [], short: [], minutes: 0.3 },
  'cold-start': {
    title: 'From exec to the first 200',
    file: 'cold-start.ts',
    args: ['7'],
    short: ['2'],
    minutes: 0.6,
  },
  history: {
    title: 'A week of one topic out of a million entries',
    file: 'history.ts',
    args: [],
    short: ['--entries', '100000', '--rounds', '3'],
    minutes: 0.5,
  },
  scale: {
    title: 'A POST beside ever more connections, topics, streams and sessions',
    file: 'scale.ts',
    args: ['--rounds', '3', '--seconds', '0.3'],
    short: ['--sizes', '10,1000', '--rounds', '2', '--only', 'topics,sessions'],
    minutes: 1.9,
  },
  growth: {
    title: 'What a large log costs',
    file: 'growth.ts',
    args: ['--short', '--only', 'opening,absent,trimming'],
    short: ['--short', '--only', 'opening'],
    minutes: 0.7,
  },
}
