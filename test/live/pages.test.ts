import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createPages, type Page } from '../../src/live/pages.ts'

const ROW = 16 * 1024

describe('pages of memory outside the heap', () => {
  it('are used again once their rows are gone', () => {
    assert.ok(fill(() => {}).size <= 2)
  })

  it('are not used again if somebody may still refer to them', () => {
    const pages = fill((page) => {
      page.isShared = true
    })
    assert.ok(pages.size > 60)
  })
})

/** The pages of a thousand rows, one after another, of which only the last is there. */
function fill(use: (page: Page) => void): Set<Page> {
  const { reserve, release } = createPages()
  const seen = new Set<Page>()
  for (let count = 0; count < 1000; count++) {
    const page = reserve(ROW)
    seen.add(page)
    use(page)
    release(page, ROW)
  }
  return seen
}
