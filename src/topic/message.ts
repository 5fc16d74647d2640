export type Qos = 0 | 1 | 2

/** One reading on its way: what was published, by whom, and when the gateway took it. */
export interface Message {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: Qos
  readonly retain: boolean
  /** WoTT ID of the publisher; null where the broker cannot tell (a relayed broker's own clients). */
  readonly device: string | null
  /** When the gateway took it, in milliseconds since the Unix epoch. */
  readonly time: number
}
