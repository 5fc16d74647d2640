import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { barriersIn } from '../support/browser.ts'
import {
  openStates,
  resize,
  STATES,
  type State,
  type StatesSite,
} from '../support/dashboard-states.ts'
import { openPictures, type Pictures } from '../support/pictures.ts'

const SCHEMES = ['light', 'dark'] as const

type Kept = readonly [width: number, scheme: (typeof SCHEMES)[number]]

/** The widths and color schemes of each state that are kept as pictures. */
const KEPT: Readonly<Record<State, readonly [Kept, ...Kept[]]>> = {
  cards: [
    [375, 'light'],
    [1280, 'dark'],
  ],
  filtered: [[768, 'light']],
  chart: [
    [375, 'dark'],
    [1280, 'light'],
  ],
  timeline: [[768, 'dark']],
  wall: [[1920, 'dark']],
  empty: [[375, 'light']],
  login: [[375, 'dark']],
  invite: [[375, 'light']],
  forbidden: [[768, 'light']],
  over: [[1280, 'light']],
  unreachable: [[375, 'light']],
  missing: [[375, 'dark']],
}

describe('each state of the dashboard', () => {
  let site: StatesSite
  let pictures: Pictures
  before(async () => {
    site = await openStates()
    pictures = await openPictures(site.browser)
  })
  after(() => site[Symbol.asyncDispose]())

  for (const state of Object.keys(STATES) as State[])
    it(`looks as before, and axe finds no serious problem: ${state}`, async () => {
      const page = await site.show(state, KEPT[state][0][0])
      const wrong: (string | null)[] = []
      for (const scheme of SCHEMES) {
        await page.emulateMedia({ colorScheme: scheme })
        for (const [width, kept] of KEPT[state]) {
          if (kept !== scheme) continue
          await resize(page, width)
          wrong.push(await pictures.compare(page, `${state}-${width}-${scheme}`))
          const scrollWidth = await page.evaluate<number>('document.documentElement.scrollWidth')
          assert.ok(scrollWidth <= width, `${scrollWidth} pixels do not fit into ${width}`)
        }
        // in the other scheme only the colors differ
        const rules = scheme === 'light' ? {} : { rules: ['color-contrast'] }
        wrong.push(...(await barriersIn(page, rules)))
      }
      await page.close()
      assert.deepEqual(
        wrong.filter((one) => one !== null),
        [],
      )
    })
})
