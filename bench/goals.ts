/** A limit that a measured value has to keep: at least `least`, or at most `most`. */
export type Goal = {
  readonly unit: string
  /** Where it has not been reached: what prevents that. */
  readonly obstacle?: string
} & ({ readonly least: number } | { readonly most: number })

/** What the benchmarks have to show; every part takes its goals from here. */
export const GOALS = {
  /** The speed of a POST by CPU, relative to a bare Fastify. */
  post: {
    least: 0.85,
    unit: ' of bare Fastify',
    obstacle:
      'What the gateway does for one POST besides Fastify (identity, limits, ACL, broker and log) takes 1 to 2 µs while many are under way, but more if each comes alone and finds cold caches. Over HTTP/2 Node.js keeps closed streams until the next full garbage collection.',
  },
  tail: {
    most: 3,
    unit: ' x p50',
    obstacle:
      'Every pause is longer than three times a p50 of 0.06 ms. A collection of young objects alone takes up to 2 ms; the POSTs that are due meanwhile wait, and then share the 30 % of the core that are free. A bare Fastify and nginx, whose answer is fixed, are farther from the goal.',
  },
  batch: {
    least: 12,
    unit: ' x single POSTs',
    obstacle:
      'Each reading of a batch is checked, allowed, numbered and kept like a single one. That is most of its time; JSON.parse is a tenth, and TLS and HTTP are a sixth.',
  },
  durableRate: {
    least: 0.5,
    unit: ' of memory:',
    obstacle:
      'The server has one core, so the thread that writes takes time from the thread that answers. A bare Fastify, which only appends the bodies to a file and syncs it, does not reach the goal either.',
  },
  durableTail: { most: 20, unit: ' ms p99' },
  handshake: { least: 0.9, unit: ' of nginx' },
  resumed: {
    least: 3,
    unit: ' x full',
    obstacle:
      "Both kinds of handshake cost less than those of nginx. node:https owes its ratio to OpenSSL, which verifies the revocation list anew in each full handshake and takes 0.2 ms for it; without a list its ratio is no better than the gateway's, which verifies a list once. A resumed one costs 0.1 ms more than with node:https, in many small parts: the first bytes are checked before TLS begins, connections are counted by address and device, and the identity is read from the session's certificate.",
  },
  /** CPU per event and stream, relative to nchan. */
  streams1: {
    most: 1,
    unit: ' of nchan',
    obstacle:
      'The kernel and OpenSSL take as long in Node.js as in nginx, but Node.js needs a request object and a callback for each write to a TLS connection, and has no public way around them. A bare server is level with nchan only with 100 streams or more, and the gateway takes up to a sixth more than the bare one.',
  },
  streams2: {
    most: 0.5,
    unit: ' of nchan',
    obstacle:
      'Streams of one connection share its writes. With few of them there is little to share, and the path of the POST itself, which runs with cold caches after the event, counts too.',
  },
  streamMemory: {
    most: 1.3,
    unit: ' of nchan',
    obstacle:
      "A bare Node.js server needs more: OpenSSL's state of TLS 1.3 alone is 40 KiB with the certificates of the client.",
  },
  clientMemory: {
    most: 45,
    unit: ' KiB',
    obstacle:
      "A connection of node:tls alone needs more: 40 KiB of it are OpenSSL's state of TLS 1.3, with two record layers, the key exchange and the certificates of the client.",
  },
  memoryAfter: {
    most: 1.2,
    unit: ' of before',
    obstacle:
      'The memory allocator gives back pages that are wholly free. Others stay, with glibc most of them, in a bare Node.js server and (with HTTP/1.1) in nginx too; the next clients use them again, as the rows "when as many come again" show.',
  },
  memoryAgain: { most: 1.2, unit: ' of the first time' },
  mqtt: { least: 1, unit: ' of Mosquitto' },
  p50: { most: 1, unit: ' ms p50' },
  p99: { most: 5, unit: ' ms p99' },
  p999: { most: 20, unit: ' ms p99.9' },
  /** Of another topic, while a subscriber does not read. */
  gap: { most: 50, unit: ' ms' },
  reload: { most: 10, unit: ' ms' },
  /** Of the packed program, also where no code is compiled yet. */
  coldStart: { most: 300, unit: ' ms' },
  firstByte: { most: 50, unit: ' ms to the first byte' },
  wholeAnswer: { most: 1000, unit: ' ms in all' },
  block: { most: 10, unit: ' ms of block' },
  /** The cost of a POST beside many others, relative to without them; flat, but for the noise of a measurement. */
  flat: {
    most: 1.1,
    unit: ' x',
    obstacle:
      'Not explained; the garbage collector takes less than half a microsecond of it. The spread of the rounds includes the goal.',
  },
} as const satisfies Record<string, Goal>

export function toText(goal: Goal): string {
  return 'least' in goal ? `at least ${goal.least}${goal.unit}` : `at most ${goal.most}${goal.unit}`
}

/** False also if nothing was measured. */
export function isReached(goal: Goal, value: number): boolean {
  return 'least' in goal ? value >= goal.least : value <= goal.most
}
