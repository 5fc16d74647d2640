import { GatewayError } from '../../errors.ts'
import type { Uplink } from '../../uplink/uplink.ts'
import { type Cover, coverOf, EMPTY_COVER, isCovered, regroup, withFilter } from './cover.ts'

/** The gateway's subscriptions at the other broker, for all readers here. */
export interface Subscriptions {
  /** The filter is in use from now on. */
  use(filter: string): void
  /** The filter is not in use any more: it is given up after a while. */
  leave(filter: string): void
  /**
   * Resolves once the broker sends what the filters cover, or is away; rejects with a GatewayError where it refuses one of them.
   */
  ready(filters: readonly string[]): Promise<void>
  /** There is a connection: resolves once the broker has answered to all subscriptions. */
  connected(): Promise<void>
  away(): void
  /** The filters that the broker sends messages for. */
  granted(): readonly string[]
  /** Why nothing comes for some filter; null when there is none. */
  outage(): string | null
  stop(): void
}

export interface SubscriptionsOptions {
  readonly uplink: () => Pick<Uplink, 'subscribe' | 'unsubscribe'>
  /** Always in use. */
  readonly always: readonly string[]
  /** Milliseconds that a filter is kept after its last use; a refused one is asked for again after as many. */
  readonly releaseMs: number
  /** Most filters at the other broker. */
  readonly most: number
  /** Messages come for `filters` from now on. */
  onGranted(filters: readonly string[]): void
  /** They do not any more, but for what others that are granted cover. */
  onReleased(filters: readonly string[]): void
  /** Told of each filter in use that nothing comes for, and why. */
  onRefused(filter: string, error: GatewayError): void
}

/** From this reason code on a SUBACK refuses. */
const FAILURE = 0x80
const NOT_AUTHORIZED = 0x87
const QUOTA_EXCEEDED = 0x97

interface Use {
  count: number
  /** When it was last in use, by a monotonic clock. */
  idleSince: number
}

/** Subscribes to a wider filter before it unsubscribes from those that it replaces: a message may come twice, but none is lost. */
export function createSubscriptions(options: SubscriptionsOptions): Subscriptions {
  const { uplink, always, releaseMs, most, onGranted, onReleased, onRefused } = options
  const uses = new Map<string, Use>(always.map((filter) => [filter, { count: 1, idleSince: 0 }]))
  // by filter, the broker's reason code
  const refused = new Map<string, number>()
  const granted = new Set<string>()
  let cover = coverOf(uses.keys(), { refused, most })
  let isConnected = false
  let isChanged = false
  let settling: Promise<void> | null = null
  /** What was granted by the connection before. */
  let before: readonly string[] = []
  let changes = Promise.withResolvers<void>()
  const sweeping = setInterval(sweep, releaseMs).unref()

  function noteChange(): void {
    changes.resolve()
    changes = Promise.withResolvers()
  }

  /** Makes do without these filters of the cover, as far as they are still needed. */
  function without(stale: readonly string[]): void {
    replace(regroup(cover, stale, uses.keys(), { refused, most }))
  }

  function replace(next: Cover): void {
    const known = cover.left
    cover = next
    for (const filter of next.left.keys())
      if (!known.has(filter)) onRefused(filter, refusalOf(filter) as GatewayError)
    // where this fails the connection is over
    if (isConnected) settle().catch(() => {})
  }

  /** Unsubscribes from filters that nobody uses, and tries refused ones again. */
  function sweep(): void {
    const now = performance.now()
    const gone: string[] = []
    for (const [filter, { count, idleSince }] of uses)
      if (count === 0 && now - idleSince >= releaseMs) {
        uses.delete(filter)
        gone.push(filter)
      }
    refused.clear()
    const stale = cover.filters.filter(
      (filter) => !always.includes(filter) && gone.some((one) => isCovered([filter], one)),
    )
    if (stale.length > 0 || cover.left.size > 0) without(stale)
  }

  /** Changes the subscriptions, one change after the other, until they are what they should be. */
  function settle(): Promise<void> {
    isChanged = true
    settling ??= run()
    return settling
  }

  async function run(): Promise<void> {
    try {
      while (isChanged && isConnected) {
        isChanged = false
        await step()
      }
    } finally {
      settling = null
    }
  }

  async function step(): Promise<void> {
    const missing = cover.filters.filter((filter) => !granted.has(filter))
    if (missing.length > 0) await add(missing)
    // a change meanwhile may need what is given up here
    if (isChanged) return
    const needed = new Set(cover.filters)
    const needless = [...granted].filter((filter) => !needed.has(filter))
    if (needless.length === 0) return
    for (const filter of needless) granted.delete(filter)
    await uplink().unsubscribe(needless)
    onReleased(needless)
  }

  async function add(filters: readonly string[]): Promise<void> {
    const codes = await uplink().subscribe(
      filters.map((filter) => ({ filter, qos: 1, retainAsPublished: true, retainHandling: 2 })),
    )
    if (!isConnected) return
    const taken = filters.filter((_, index) => (codes[index] ?? FAILURE) < FAILURE)
    for (const filter of taken) granted.add(filter)
    for (const [index, filter] of filters.entries())
      if (!granted.has(filter)) refused.set(filter, codes[index] ?? FAILURE)
    if (taken.length > 0) onGranted(taken)
    const lacking = filters.filter((filter) => !granted.has(filter))
    if (lacking.length > 0) without(lacking)
    noteChange()
  }

  function refusalOf(filter: string): GatewayError | null {
    const missing = cover.left.get(filter)
    return missing === undefined ? null : toError(filter, missing, refused.get(missing) ?? null)
  }

  return {
    use(filter) {
      const known = uses.get(filter)
      if (known) {
        known.count += 1
        return
      }
      uses.set(filter, { count: 1, idleSince: 0 })
      const next = withFilter(cover, filter, { refused, most })
      if (next !== cover) replace(next)
    },
    leave(filter) {
      const use = uses.get(filter)
      if (!use) return
      use.count -= 1
      use.idleSince = performance.now()
      if (use.count > 0 || !cover.left.has(filter)) return
      // whoever comes next asks the broker again
      uses.delete(filter)
      refused.delete(cover.left.get(filter) as string)
      cover = { ...cover, left: new Map([...cover.left].filter(([one]) => one !== filter)) }
    },
    async ready(filters) {
      for (;;) {
        if (!isConnected) return
        const waiting = filters.filter((filter) => !isCovered([...granted], filter))
        if (waiting.length === 0) return
        for (const filter of waiting) {
          const refusal = refusalOf(filter)
          if (refusal) throw refusal
        }
        await changes.promise
      }
    },
    async connected() {
      refused.clear()
      isConnected = true
      replace(coverOf(uses.keys(), { refused, most }))
      await settle()
      const lost = before.filter((filter) => !granted.has(filter))
      if (lost.length > 0) onReleased(lost)
    },
    away() {
      // of a connection that never came so far, the one before it tells
      if (granted.size > 0) before = [...granted]
      isConnected = false
      granted.clear()
      noteChange()
    },
    granted: () => [...granted],
    outage() {
      const [first, ...others] = cover.left.keys().map(refusalOf)
      if (!first) return null
      return others.length === 0 ? first.message : `${first.message} (${others.length} more)`
    },
    stop() {
      clearInterval(sweeping)
      isConnected = false
      cover = EMPTY_COVER
      noteChange()
    },
  }
}

function toError(filter: string, missing: string, code: number | null): GatewayError {
  const what = filter === missing ? `"${filter}"` : `"${missing}", which is needed for "${filter}"`
  if (code === null)
    return new GatewayError(
      'subscription_refused',
      `"${filter}" needs one more subscription at the broker, but the limit is reached (WOTT_BROKER_SUBSCRIPTIONS).`,
      { retryAfter: 60 },
    )
  return new GatewayError(
    'subscription_refused',
    `The broker refuses the subscription to ${what}: ${subackReason(code)}.`,
  )
}

function subackReason(code: number): string {
  if (code === NOT_AUTHORIZED) return 'not authorized'
  if (code === QUOTA_EXCEEDED) return 'quota exceeded'
  return `reason code 0x${code.toString(16)}`
}
