/** A state, from the first message that said it to the last one in a row that did. */
export interface Run {
  readonly from: number
  readonly last: number
  /** Null where messages may be missing. */
  readonly text: string | null
}

/** Texts over time, such as "open" and "closed"; the oldest go when there are too many. */
export interface States {
  /** Milliseconds since the Unix epoch; one that comes late goes where it belongs. */
  add(time: number, text: string | null): void
  /** In the order of time, with the one that held at `since`. */
  since(since: number): Run[]
  /** Keeps more from here on. */
  keep(): void
}

const FEW_RUNS = 32
const MOST_RUNS = 512

export function createStates(most = FEW_RUNS): States {
  const runs: { from: number; last: number; text: string | null }[] = []
  let limit = most

  function insert(time: number, text: string | null): void {
    const index = runs.findLastIndex(({ from }) => from <= time)
    const run = runs[index]
    const next = runs[index + 1]
    if (run?.text === text) run.last = Math.max(run.last, time)
    else if (next?.text === text && (!run || run.last <= time)) next.from = time
    else {
      const made = [{ from: time, last: time, text }]
      // a late message splits the run: its second part begins at its last message
      if (run && run.last > time) {
        made.push({ from: run.last, last: run.last, text: run.text })
        run.last = run.from
      }
      runs.splice(index + 1, 0, ...made)
    }
  }

  return {
    add(time, text) {
      insert(time, text)
      while (runs.length > limit) runs.shift()
    },
    since(since) {
      const first = runs.findLastIndex(({ from }) => from <= since)
      return runs.slice(Math.max(0, first)).map((run) => ({ ...run }))
    },
    keep() {
      limit = MOST_RUNS
    },
  }
}
