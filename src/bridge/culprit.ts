/** Finds the message because of which the other broker closes each connection: MQTT 3.1.1 has no other way to refuse a message [MQTT-3.3.5-2]. */
export interface Culprit {
  /**
   * The broker closed a connection. All messages up to `position` were acknowledged; `alone` is the number of the unacknowledged
   * message, if there was exactly one.
   */
  cut(position: number, alone: number | null): void
  /** Whether to send messages one at a time, each after a PINGRESP, to find it. */
  isSought(position: number): boolean
  isFound(number: number): boolean
}

/** Connections that must end at the same position before messages are sent one at a time: networks and brokers fail for other reasons, too. */
const CUTS_TO_SEEK = 3
/** Connections that must end while only this message is unacknowledged before it is skipped. */
const CUTS_ALONE = 3

export function createCulprit(): Culprit {
  let place = Number.NaN
  let cuts = 0
  let cutsAlone = 0
  let suspect: number | null = null

  return {
    cut(position, alone) {
      if (position !== place) {
        place = position
        cuts = 0
      }
      cuts += 1
      if (cuts <= CUTS_TO_SEEK || alone === null) return
      cutsAlone = alone === suspect ? cutsAlone + 1 : 1
      suspect = alone
    },
    isSought: (position) => position === place && cuts >= CUTS_TO_SEEK,
    isFound: (number) => number === suspect && cutsAlone >= CUTS_ALONE,
  }
}
