/** The settings of the MQTT doors. */
export interface MqttSettings {
  /** Bytes of the largest payload. */
  readonly maxPayload: number
  /** Bytes that may wait for one client. */
  readonly clientBuffer: number
  /** Seconds that a client may take nothing while it is behind. */
  readonly streamStall: number
  /** QoS 1 and 2 messages that a session which outlives its connection may have unacknowledged. */
  readonly maxInflight: number
  /** Filters that one session may have. */
  readonly maxSubscriptions: number
  /** Whether a SUBSCRIBE that could never bring anything is granted, as with Mosquitto, or refused. */
  readonly subscribe: 'grant' | 'check'
  /** Seconds until CONNECT has to be there. */
  readonly connectTimeout: number
  /** Seconds that one packet may take to arrive. */
  readonly packetTimeout: number
  /** Seconds of the longest keep alive of MQTT 5 clients; 0 for no bound. */
  readonly maxKeepAlive: number
  /** QoS 1 and 2 messages that one client may have on their way to the gateway. */
  readonly receiveMaximum: number
  /** Topic aliases that one client may set. */
  readonly topicAliasMaximum: number
  /** Topic aliases that the gateway sets for one client, at most; 0 for none. */
  readonly topicAliasesOut: number
  /** Seconds of the longest session expiry, which MQTT 3 sessions have. */
  readonly sessionExpiry: number
}
