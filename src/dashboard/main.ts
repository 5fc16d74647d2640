import { type ChartView, readAddress, writeAddress } from './address.ts'
import { createChart } from './chart.ts'
import { openFeed } from './feed.ts'
import { createGrid } from './grid.ts'
import { createInfos } from './infos.ts'
import { readLatest } from './latest.ts'
import { createLevels } from './levels.ts'
import { enter, isRefusal, leave, type Refusal, type Viewer, whoIs } from './session.ts'
import { chooseTheme } from './theme.ts'
import { createTopics, MOST_TOPICS } from './topics.ts'

const find = <T extends HTMLElement>(selector: string) => document.querySelector(selector) as T
const time = (ms: number) => new Date(ms).toLocaleTimeString()

const topics = createTopics()
const infos = createInfos()
const chart = createChart(topics, infos, showAddress)
const grid = createGrid(find('#topics'), infos, chart.open)
const filter = find<HTMLInputElement>('#filter')
let lostAt: number | null = null
let known = 0
/** Whether topics that were quiet for long are still read. */
let isReading = false
/** A chart that the address asks for, until its topics are here. */
let wanted: ChartView | null = null
const levels = createLevels(find('#levels'), (text) => {
  filter.value = text
  showTopics()
  showAddress()
})

function setState(state: 'connecting' | 'live' | 'over', text: string): void {
  const element = find('#state')
  element.dataset.state = state
  if (element.textContent !== text) element.textContent = text
}

function showTrouble(title: string, text: string, lines = ''): void {
  find('#trouble').hidden = title === ''
  find('#trouble-title').textContent = title
  find('#trouble-text').textContent = text
  find('#trouble-lines').textContent = lines
}

function showTopics(): void {
  const shown = topics.matching(filter.value, infos.titleOf)
  grid.show(shown)
  levels.show(
    filter.value,
    topics.matching('').map(({ name }) => name),
  )
  const all = shown.length === topics.size ? '' : ` of ${topics.size}`
  const noun = topics.size === 1 ? 'topic' : 'topics'
  const full = topics.leftOut > 0 ? `; no more than ${MOST_TOPICS} fit on this page` : ''
  find('#count').textContent =
    topics.size === 0 ? '' : `${shown.length}${all} ${noun}${full}${isReading ? ', loading…' : ''}`
}

/** So that a link to the page shows the same. */
function showAddress(): void {
  const isWall = find('#wall').getAttribute('aria-pressed') === 'true'
  const query = writeAddress({ filter: filter.value, isWall, chart: chart.view() ?? wanted })
  history.replaceState(null, '', `${location.pathname}${query}`)
}

function setWall(isWall: boolean): void {
  find('#wall').setAttribute('aria-pressed', String(isWall))
  document.documentElement.dataset.view = isWall ? 'wall' : 'desk'
  grid.size(isWall ? 'wall' : 'desk')
}

/** Opens the chart of the address once all its topics are here; with what there is when no more are to come. */
function openWanted(isLast: boolean): void {
  if (!wanted) return
  const here = wanted.topics.filter((name) => topics.get(name))
  if (here.length < wanted.topics.length && !isLast) return
  const missing = wanted.topics.filter((name) => !topics.get(name))
  const view = wanted
  wanted = null
  if (here.length > 0) chart.restore(view)
  if (missing.length === 0) return
  find('#quiet').hidden = false
  find('#quiet').textContent =
    `There are no messages that you may read in ${missing.join(', ')}, which the link asks for.`
}

function explain({ code, message }: Refusal): void {
  setState('over', 'Not connected')
  find('#leave').hidden = true
  switch (code) {
    case 'session_required':
      showTrouble(
        'Who are you?',
        'Ask whoever runs this gateway for an invite, and open its link. They type:',
        'wott-gateway viewer invite YOUR_NAME',
      )
      break
    case 'session_expired':
    case 'session_ended':
    case 'invite_invalid':
      showTrouble(
        code === 'invite_invalid' ? 'This invite does not work' : 'Your session is over',
        message,
      )
      break
    case 'unreachable':
      showTrouble('The gateway does not answer', 'Trying again…')
      setTimeout(() => void start(whoIs()), 2000)
      break
    default:
      showTrouble('The gateway refuses to show anything', `${message} (${code})`)
  }
}

/** What is readable at all: everything below "#", and names with "$", which "#" does not cover. */
function filtersFor({ rules }: Viewer): string[] {
  const readable = rules.filter(({ access }) => access === 'read' || access === 'readwrite')
  if (readable.length === 0) return []
  return [
    '#',
    ...readable.map(({ topic }) => topic).filter((topic) => topic.startsWith('$')),
  ].slice(0, 64)
}

async function start(entering: Promise<Viewer | Refusal>): Promise<void> {
  const viewer = await entering
  if (isRefusal(viewer)) return explain(viewer)
  find('#who').textContent = viewer.id
  find('#leave').hidden = viewer.kind !== 'invite'
  const filters = filtersFor(viewer)
  if (filters.length === 0) {
    setState('over', 'Nothing to read')
    showTrouble(
      'The ACL file lets you read nothing',
      'Whoever runs the gateway can change that with two lines such as these. Then load this page again.',
      `user ${viewer.id}\ntopic read wott/#`,
    )
    return
  }
  showTrouble('', '')
  void loadInfos()
  follow(filters)
  void showLatest(filters)
}

const INFOS_MS = 60_000

/** Names and units may change while the page is open. */
async function loadInfos(): Promise<void> {
  if (!(await infos.load())) return
  showTopics()
  for (const topic of topics.matching('')) grid.touch(topic)
  chart.redraw()
}

/** Topics that have been quiet for longer than the stream goes back. */
async function showLatest(filters: readonly string[]): Promise<void> {
  isReading = true
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
  isReading = false
  showTopics()
  find('#quiet').hidden = failed === null
  if (!failed) {
    openWanted(true)
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
      if (code !== null) return explain({ code, message })
      // the browser does not say why, the gateway does
      lostAt ??= Date.now()
      setState('connecting', `Reconnecting since ${time(lostAt)}…`)
      const viewer = await whoIs()
      if (isRefusal(viewer)) explain(viewer)
      else setTimeout(() => void start(whoIs()), 5000)
    },
  })
}

chooseTheme(find('#theme'), chart.redraw)
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
  openWanted(false)
}, 100)
const address = readAddress(location.search)
filter.value = address.filter
wanted = address.chart
setWall(address.isWall)
// a link with an invite that is opened in this tab loads nothing by itself
addEventListener('hashchange', () => {
  if (location.hash.startsWith('#invite=')) location.reload()
})
void start(enter())
