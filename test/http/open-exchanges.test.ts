import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { HttpRequest, HttpResponse } from '../../src/http/http-exchange.ts'
import { createOpenExchanges, Exchange } from '../../src/http/open-exchanges.ts'

const MANY = 2000

/** So many exchanges, all set aside. */
function newAside(count = MANY) {
  const open = createOpenExchanges()
  const exchanges = Array.from(
    { length: count },
    () => new Exchange({} as HttpRequest, {} as HttpResponse),
  )
  for (const exchange of exchanges) {
    open.add(exchange)
    open.setAside(exchange)
  }
  /** What the next sweep looks at and sets aside again. */
  function swept(): Exchange[] {
    const found: Exchange[] = []
    open.sweep((exchange) => {
      found.push(exchange)
      open.setAside(exchange)
    })
    return found
  }
  return { open, exchanges, swept }
}

describe('exchanges that are set aside', () => {
  it('are each looked at in one of ten sweeps', () => {
    const { exchanges, swept } = newAside()
    const found = Array.from({ length: 10 }, swept)
    for (const each of found) assert.equal(each.length, MANY / 10)
    assert.deepEqual(new Set(found.flat()), new Set(exchanges))
  })

  it('are all looked at in each sweep if there are few', () => {
    const { swept } = newAside(50)
    for (let time = 0; time < 3; time++) assert.equal(swept().length, 50)
  })

  it('are looked at in each sweep until they are set aside again', () => {
    const { open, swept } = newAside()
    const ended: Exchange[] = []
    open.sweep((exchange) => ended.push(exchange))
    const found = swept()
    assert.deepEqual(found.slice(0, ended.length), ended)
    assert.equal(found.length, ended.length + MANY / 10 - ended.length / 10)
  })

  it('are counted once, and can be removed', () => {
    const { open, exchanges } = newAside()
    open.sweep(() => {})
    const [first, last] = [exchanges.at(0), exchanges.at(-1)] as [Exchange, Exchange]
    open.remove(first)
    open.remove(last)
    const left: Exchange[] = []
    open.each((exchange) => left.push(exchange))
    assert.equal(left.length, MANY - 2)
    assert.deepEqual(new Set(left), new Set(exchanges.slice(1, -1)))
  })
})
