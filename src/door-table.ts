/** One door: in which process it is, and what it accepts. */
interface DoorTraits {
  /** Whether `serve` or `enrol` opens it. */
  readonly process: 'serve' | 'enrol'
  readonly hasTls: boolean
  readonly speaksHttp: boolean
  /** Directly or over WebSocket. Clients of such a door may publish. */
  readonly speaksMqtt: boolean
  /** Whether it answers requests without a certificate or session. */
  readonly takesStrangers: boolean
  /** Whether it may be behind a TCP load balancer that speaks the PROXY protocol. */
  readonly takesBalancers: boolean
  /** Whether it ignores and counts headers that say who sends a request, which only the proxy door believes. */
  readonly ignoresIdentityHeaders: boolean
}

/** Every door, once: all other lists of doors are made of this one. */
const DOOR_TABLE = {
  device: {
    process: 'serve',
    hasTls: true,
    speaksHttp: true,
    speaksMqtt: true,
    takesStrangers: false,
    takesBalancers: true,
    ignoresIdentityHeaders: true,
  },
  proxy: {
    process: 'serve',
    hasTls: true,
    speaksHttp: true,
    speaksMqtt: true,
    takesStrangers: false,
    takesBalancers: false,
    ignoresIdentityHeaders: false,
  },
  mqtt: {
    process: 'serve',
    hasTls: true,
    speaksHttp: false,
    speaksMqtt: true,
    takesStrangers: false,
    takesBalancers: true,
    ignoresIdentityHeaders: false,
  },
  viewer: {
    process: 'serve',
    hasTls: true,
    speaksHttp: true,
    speaksMqtt: false,
    takesStrangers: true,
    takesBalancers: true,
    ignoresIdentityHeaders: true,
  },
  ops: {
    process: 'serve',
    hasTls: false,
    speaksHttp: true,
    speaksMqtt: false,
    takesStrangers: false,
    takesBalancers: false,
    ignoresIdentityHeaders: true,
  },
  enrol: {
    process: 'enrol',
    hasTls: true,
    speaksHttp: true,
    speaksMqtt: false,
    takesStrangers: true,
    takesBalancers: true,
    ignoresIdentityHeaders: true,
  },
  'enrol-ops': {
    process: 'enrol',
    hasTls: false,
    speaksHttp: true,
    speaksMqtt: false,
    takesStrangers: false,
    takesBalancers: false,
    ignoresIdentityHeaders: false,
  },
} as const satisfies Record<string, DoorTraits>

/** What the metrics and the log call a door. */
export type Door = keyof typeof DOOR_TABLE

/** The doors that have all of these traits. */
export type DoorsWith<T> = { [D in Door]: (typeof DOOR_TABLE)[D] extends T ? D : never }[Door]

/** The doors that have all of these traits, in the order of the table. */
export function doorsWith<const T extends Partial<DoorTraits>>(traits: T): DoorsWith<T>[] {
  const wanted = Object.entries(traits)
  return (Object.keys(DOOR_TABLE) as Door[]).filter((door): door is DoorsWith<T> =>
    wanted.every(([trait, value]) => DOOR_TABLE[door][trait as keyof DoorTraits] === value),
  )
}
