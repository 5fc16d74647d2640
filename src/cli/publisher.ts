import type { MessageProperties } from '../topic/message.ts'

export interface DevicePublisher extends AsyncDisposable {
  /** Rejects with a CommandFailure if the message was refused or lost; the next message tries again. */
  publish(topic: string, payload: Buffer, options: DevicePublishOptions): Promise<void>
}

export interface DevicePublishOptions {
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly properties: MessageProperties | null
  /** Seconds; null for never. */
  readonly messageExpiry: number | null
  /** When it was measured, in milliseconds since the Unix epoch; null for now. */
  readonly time?: number | null
}
