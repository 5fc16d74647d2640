/** Finds the message over which the other broker ends each connection. MQTT 3.1.1 has no other way to refuse one [MQTT-3.3.5-2]. */
export interface Culprit {
  /**
   * The broker ended a connection over which all up to `position` had been acknowledged before; `alone` is the number of the only
   * message that was under way, where there was only one.
   */
  cut(position: number, alone: number | null): void
  /** Whether messages go one at a time, each once the broker has answered a question, to find it. */
  isSought(position: number): boolean
  isFound(number: number): boolean
}

/** Connections that end at the same place before messages go one at a time: networks and brokers fail, too. */
const CUTS_TO_SEEK = 3
/** Connections that end over one message alone before it is left out. */
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
