import { type Address, readAddress, writeAddress } from './address.ts'
import { createChart } from './chart.ts'
import { openFeed } from './feed.ts'
import { find } from './find.ts'
import { createGrid } from './grid.ts'
import { createInfos } from './infos.ts'
import { readLatest } from './latest.ts'
import { createLevels } from './levels.ts'
import { createLinkedChart } from './linked-chart.ts'
import { createMyView } from './my-view.ts'
import { enter, isRefusal, leave, type Refusal, type Viewer, whoIs } from './session.ts'
import { explain, explainNoRights, setState, showTrouble } from './status.ts'
import { chooseTheme } from './theme.ts'
import { createTopics, MOST_TOPICS } from './topics.ts'

const time = (ms: number) => new Date(ms).toLocaleTimeString()

const topics = createTopics()
const infos = createInfos()
const chart = createChart(topics, infos, showAddress)
const grid = createGrid(find('#topics'), infos, chart.open)
const filter = find<HTMLInputElement>('#filter')
let lostAt: number | null = null
let known = 0
/** Whether the topics are here that have been quiet for longer than the stream goes back. */
let quietTopics: 'unread' | 'loading' | 'loaded' = 'unread'
/** Whether the page was opened without a query, and shows the view of its viewer once that is known. */
let isPlain = location.search === ''
const linked = createLinkedChart(topics, chart)
const myView = createMyView({
  current: () => queryOf().slice(1),
  show(query) {
    show(readAddress(`?${query}`))
    linked.open(quietTopics === 'loaded')
    showAddress()
  },
})
const levels = createLevels(find('#levels'), (text) => {
  filter.value = text
  showTopics()
  showAddress()
})

function showTopics(): void {
  const shown = topics.matching(filter.value, infos.titleOf)
  grid.show(shown)
  levels.show(
    filter.value,
    topics.matching('').map(({ name }) => name),
  )
  const all = shown.length === topics.size ? '' : ` of ${topics.size}`
  const noun = topics.size === 1 ? 'topic' : 'topics'
  const more = quietTopics === 'loading' ? ', loading…' : ''
  const full = topics.leftOut > 0 ? `; no more than ${MOST_TOPICS} fit on this page` : ''
  find('#none').hidden = topics.size > 0 || quietTopics !== 'loaded'
  find('#count').textContent =
    topics.size === 0 ? '' : `${shown.length}${all} ${noun}${full}${more}`
}

function queryOf(): string {
  const isWall = find('#wall').getAttribute('aria-pressed') === 'true'
  return writeAddress({ filter: filter.value, isWall, chart: chart.view() ?? linked.view() })
}

/** Puts what is shown into the address, so that a link to the page shows the same. */
function showAddress(): void {
  isPlain = false
  // an address without a query shows the view of whoever opens it
  const query = queryOf() || (myView.query() === '' ? '' : '?all')
  history.replaceState(null, '', `${location.pathname}${query}`)
  myView.moved()
}

/** Shows what an address says; its chart opens later, once its topics are here. */
function show(address: Address): void {
  chart.close()
  filter.value = address.filter
  setWall(address.isWall)
  linked.want(address.chart)
  showTopics()
}

function setWall(isWall: boolean): void {
  find('#wall').setAttribute('aria-pressed', String(isWall))
  document.documentElement.dataset.view = isWall ? 'wall' : 'desk'
  grid.size(isWall ? 'wall' : 'desk')
}

/** Filters for all that the viewer may read: "#", and those that begin with "$", which "#" does not cover. */
function filtersFor({ rules }: Viewer): string[] {
  const readable = rules.filter(({ access }) => access === 'read' || access === 'readwrite')
  if (readable.length === 0) return []
  return [
    '#',
    ...readable.map(({ topic }) => topic).filter((topic) => topic.startsWith('$')),
  ].slice(0, 64)
}

function refused(refusal: Refusal): void {
  explain(refusal)
  if (refusal.code === 'unreachable') setTimeout(() => void start(whoIs()), 2000)
}

async function start(entering: Promise<Viewer | Refusal>): Promise<void> {
  const viewer = await entering
  if (isRefusal(viewer)) return refused(viewer)
  find('#who').textContent = viewer.id
  find('#leave').hidden = viewer.kind !== 'invite'
  const filters = filtersFor(viewer)
  if (filters.length === 0) return explainNoRights(viewer.id)
  showTrouble('', '')
  myView.known(viewer.view ?? null)
  if (isPlain && viewer.view) {
    show(readAddress(`?${viewer.view}`))
    showAddress()
  }
  isPlain = false
  void loadInfos()
  follow(filters)
  void showLatest(filters)
}

const INFOS_MS = 60_000

/** Names and units may change while the page is open. */
async function loadInfos(): Promise<void> {
  if (!(await infos.load())) return
  showTopics()
  redraw()
}

/** A canvas keeps its old colors until it is drawn again. */
function redraw(): void {
  for (const topic of topics.matching('')) grid.touch(topic)
  chart.redraw()
}

async function showLatest(filters: readonly string[]): Promise<void> {
  quietTopics = 'loading'
  const failed = await readLatest(
    filters,
    (message) => {
      const topic = topics.addFromLog(message)
      if (!topic) return
      grid.touch(topic)
      chart.touch(topic)
    },
    () => topics.leftOut > 0,
  )
  quietTopics = failed ? 'unread' : 'loaded'
  showTopics()
  find('#quiet').hidden = failed === null
  if (!failed) {
    linked.open(true)
    return
  }
  find('#quiet').textContent = `Quiet topics could not be loaded: ${failed.failure}`
  if (failed.retryAfter !== null)
    setTimeout(() => void showLatest(filters), failed.retryAfter * 1000)
}

function follow(filters: readonly string[]): void {
  openFeed(filters, {
    message(message) {
      const topic = topics.add(message)
      if (!topic) return
      grid.touch(topic)
      chart.touch(topic)
    },
    gap({ reason, message }) {
      const now = Date.now()
      topics.breakAll(lostAt ?? now)
      const from = lostAt === null ? '' : ` between ${time(lostAt)} and ${time(now)}`
      find('#gaps').hidden = false
      const isGone = reason === 'unknown_id' || reason === 'expired'
      find('#gaps').textContent = isGone
        ? `Messages${from} are missing: the gateway no longer has them.`
        : message
      chart.reload()
    },
    live() {
      lostAt = null
      setState('live', 'Live')
    },
    lost(since) {
      lostAt ??= since
      setState('connecting', `Reconnecting since ${time(lostAt)}…`)
    },
    async over(code, message) {
      if (code !== null) return refused({ code, message })
      // the browser gives no reason, so the gateway is asked
      lostAt ??= Date.now()
      setState('connecting', `Reconnecting since ${time(lostAt)}…`)
      const viewer = await whoIs()
      if (isRefusal(viewer)) refused(viewer)
      else setTimeout(() => void start(whoIs()), 5000)
    },
  })
}

chooseTheme(find('#theme'), redraw)
filter.addEventListener('input', () => {
  showTopics()
  showAddress()
})
find('#wall').addEventListener('click', () => {
  setWall(find('#wall').getAttribute('aria-pressed') !== 'true')
  showAddress()
})
find('#leave').addEventListener('click', async () => {
  await leave()
  location.reload()
})
setInterval(grid.tick, 1000)
setInterval(() => {
  if (find('#state').dataset.state === 'live') void loadInfos()
}, INFOS_MS)
setInterval(() => {
  // sorting and filtering thousands of topics once for each new one would be slow
  if (topics.size !== known) showTopics()
  known = topics.size
  linked.open(false)
}, 100)
show(readAddress(location.search))
// the browser does not load the page again for a link that differs after the "#" alone
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#invite=')) location.reload()
})
void start(enter())
