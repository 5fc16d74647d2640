/** A limit that a measured value has to keep: at least `least`, or at most `most`. */
export type Goal = {
  readonly unit: string
  /** Where it has not been reached: what prevents that. */
  readonly obstacle?: string
} & ({ readonly least: number } | { readonly most: number })

/** What the benchmarks have to show; every part takes its goals from here. */
export const GOALS = {
  /** The speed of a POST by CPU, relative to a bare Fastify. */
  post: { least: 0.85, unit: ' of bare Fastify' },
  tail: { most: 3, unit: ' x p50' },
  batch: { least: 12, unit: ' x single POSTs' },
  durableRate: { least: 0.5, unit: ' of memory:' },
  durableTail: { most: 20, unit: ' ms p99' },
  handshake: { least: 0.9, unit: ' of nginx' },
  resumed: { least: 3, unit: ' x full' },
  /** CPU per event and stream, relative to nchan. */
  streams1: { most: 1, unit: ' of nchan' },
  streams2: { most: 0.5, unit: ' of nchan' },
  streamMemory: { most: 1.3, unit: ' of nchan' },
  clientMemory: { most: 45, unit: ' KiB' },
  memoryAfter: { most: 1.2, unit: ' of before' },
  memoryAgain: { most: 1.2, unit: ' of the first time' },
  mqtt: { least: 1, unit: ' of Mosquitto' },
  p50: { most: 1, unit: ' ms p50' },
  p99: { most: 5, unit: ' ms p99' },
  p999: { most: 20, unit: ' ms p99.9' },
  /** Of another topic, while a subscriber does not read. */
  gap: { most: 50, unit: ' ms' },
  reload: { most: 10, unit: ' ms' },
  coldStart: { most: 300, unit: ' ms' },
  firstByte: { most: 50, unit: ' ms to the first byte' },
  wholeAnswer: { most: 1000, unit: ' ms in all' },
  block: { most: 10, unit: ' ms of block' },
  /** The cost of a POST beside many others, relative to without them; flat, but for the noise of a measurement. */
  flat: { most: 1.1, unit: ' x' },
} as const satisfies Record<string, Goal>

export function toText(goal: Goal): string {
  return 'least' in goal ? `at least ${goal.least}${goal.unit}` : `at most ${goal.most}${goal.unit}`
}

/** False also if nothing was measured. */
export function isReached(goal: Goal, value: number): boolean {
  return 'least' in goal ? value >= goal.least : value <= goal.most
}
