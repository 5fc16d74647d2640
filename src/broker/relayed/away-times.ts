/** When the other broker could not be reached, by the numbers of messages. */
export interface AwayTimes {
  /** The broker was away for so many seconds after the message with this number. */
  add(number: number, seconds: number): void
  /** Seconds that the broker was away after the message with this number, rounded up; 0 where it never was. */
  after(number: number): number
}

/** Older ones are counted together. */
const MOST_REMEMBERED = 100

export function createAwayTimes(): AwayTimes {
  const times: { number: number; seconds: number }[] = []

  return {
    add(number, seconds) {
      times.push({ number, seconds })
      if (times.length <= MOST_REMEMBERED) return
      const [oldest, next] = times.splice(0, 2)
      if (oldest && next)
        times.unshift({ number: next.number, seconds: oldest.seconds + next.seconds })
    },
    after(number) {
      let seconds = 0
      for (const time of times) if (time.number >= number) seconds += time.seconds
      return Math.ceil(seconds)
    },
  }
}
