export type Qos = 0 | 1 | 2

/** A name and a value that travel with a message; both may repeat, and their order is kept [MQTT-3.3.2-18]. */
export type UserProperty = readonly [name: string, value: string]

/** What an MQTT 5 publisher says about its payload, handed on unchanged [MQTT 5 §3.3.2.3]. */
export interface MessageProperties {
  /** 1: the payload is UTF-8 text; 0, as when it is absent: bytes. */
  readonly payloadFormatIndicator?: 0 | 1
  readonly contentType?: string
  readonly responseTopic?: string
  readonly correlationData?: Buffer
  readonly userProperties?: readonly UserProperty[]
}

/** One reading on its way: what was published, by whom and when. */
export interface Message {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: Qos
  readonly retain: boolean
  /** WoTT ID of the publisher; null where the broker cannot tell (a relayed broker's own clients). */
  readonly device: string | null
  /** When it was measured, where its device says so, otherwise as `received`; in milliseconds since the Unix epoch. */
  readonly time: number
  /** When the gateway took it, in milliseconds since the Unix epoch. */
  readonly received: number
  /** Null when the publisher gave none. */
  readonly properties: MessageProperties | null
  /** When it expires, in milliseconds by the broker's clock; null for never. */
  readonly expires: number | null
}

/** Whether the message has expired, by the broker's clock `now`. */
export function isExpired({ expires }: Pick<Message, 'expires'>, now: () => number): boolean {
  return expires !== null && expires <= now()
}
