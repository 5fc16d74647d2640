import type { MessageProperties } from '../topic/message.ts'

export interface DevicePublisher extends AsyncDisposable {
  /** Rejects with a CommandFailure when the message was refused or did not get there; the next one is tried anew. */
  publish(topic: string, payload: Buffer, options: DevicePublishOptions): Promise<void>
}

export interface DevicePublishOptions {
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly properties: MessageProperties | null
  /** Seconds; null for never. */
  readonly messageExpiry: number | null
  /** When it was measured, in milliseconds since the Unix epoch; null where that is now. */
  readonly time?: number | null
}
