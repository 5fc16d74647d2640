import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { getHeapSpaceStatistics } from 'node:v8'
import fc from 'fast-check'
import { createLedger, type Hold, KINDS, type Kind } from '../../src/budget/ledger.ts'
import { collect } from '../support/collect.ts'

const LIMITS = { totalBytes: 4096, bytesPerOwner: 2048 }
const LASTING: readonly Kind[] = ['session', 'subscription', 'will']

describe('the ledger of memory', () => {
  it('stays within its bounds, and has correct sums', () => {
    const step = fc.record({
      owner: fc.constantFrom('a', 'b', 'c', 'd'),
      kind: fc.constantFrom(...KINDS),
      at: fc.nat(5),
      bytes: fc.nat(3000),
      does: fc.constantFrom('resize', 'fits', 'release'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ledger = createLedger(LIMITS)
        const holds = new Map<string, { hold: Hold; owner: string; kind: Kind; bytes: number }>()
        for (const { owner, kind, at, bytes, does } of steps) {
          const name = `${owner} ${kind} ${at}`
          const one = holds.get(name) ?? { hold: ledger.open(owner, kind), owner, kind, bytes: 0 }
          holds.set(name, one)
          const room = ledger.room(owner, kind)
          if (does === 'release') one.hold.release()
          else assert.equal(one.hold[does](bytes), bytes - one.bytes <= room || bytes <= one.bytes)
          if (does === 'release') holds.delete(name)
          else if (does === 'resize' && (bytes <= one.bytes || bytes - one.bytes <= room))
            one.bytes = bytes

          const sum = (wanted: (of: { owner: string; kind: Kind }) => boolean) =>
            [...holds.values()].filter(wanted).reduce((total, of) => total + of.bytes, 0)
          for (const each of KINDS)
            assert.equal(
              ledger.held(each),
              sum((of) => of.kind === each),
            )
          assert.ok(sum(() => true) <= LIMITS.totalBytes)
          assert.ok(sum((of) => LASTING.includes(of.kind)) <= LIMITS.totalBytes / 2)
          const owners = ['a', 'b', 'c', 'd'].map((name) => sum((of) => of.owner === name))
          for (const held of owners) assert.ok(held <= LIMITS.bytesPerOwner)
          assert.equal(ledger.owners(), owners.filter((held) => held > 0).length)
        }
        for (const { hold } of holds.values()) hold.release()
        assert.equal(ledger.owners(), 0)
      }),
    )
  })

  it('reports each refusal with its kind and owner', () => {
    const told: string[] = []
    const ledger = createLedger(LIMITS, (owner, kind) => told.push(`${owner} ${kind}`))
    const hold = ledger.open('a', 'body')
    assert.ok(hold.resize(2048))
    assert.ok(!hold.resize(2049))
    assert.ok(!ledger.open('a', 'answer').fits(1))
    assert.ok(hold.resize(1))
    assert.deepEqual(told, ['a body', 'a answer'])
    assert.equal(ledger.refused('body'), 1)
    assert.equal(ledger.held('body'), 1)
  })

  it('reserves a quarter for owners that hold at most a 128th of their limit', () => {
    const ledger = createLedger(LIMITS)
    const holds = ['a', 'b', 'c'].map((owner) => ledger.open(owner, 'body'))
    for (const hold of holds) assert.ok(hold.resize(1024))
    assert.ok(!holds[0]?.resize(1025))
    const small = Array.from({ length: 64 }, (_, index) => ledger.open(`s${index}`, 'body'))
    for (const hold of small) assert.ok(hold.resize(16))
    assert.ok(!ledger.open('late', 'body').resize(1))
    assert.ok(!small[0]?.resize(17))
  })

  it('reserves half of everything for memory that is not lasting', () => {
    const ledger = createLedger(LIMITS)
    assert.equal(ledger.room('a', 'will'), 1024)
    assert.ok(ledger.open('a', 'will').resize(1024))
    assert.equal(ledger.room('a', 'session'), 0)
    assert.equal(ledger.room('a', 'body'), 1024)
  })

  it('counts memory in use at the start, and has no room until that is freed', () => {
    const ledger = createLedger(LIMITS)
    const restored = ledger.open('a', 'subscription')
    restored.force(5000)
    assert.equal(ledger.room('b', 'body'), 0)
    assert.ok(restored.resize(4999))
    restored.release()
    restored.release()
    restored.force(1)
    assert.ok(!restored.resize(1))
    assert.equal(ledger.room('b', 'body'), 2048)
  })

  it('keeps the room of an owner whose account it forgot while a hold was empty', () => {
    const ledger = createLedger(LIMITS)
    const hold = ledger.open('a', 'body')
    // so many that those which hold nothing are forgotten
    for (let owner = 0; owner < 2_000; owner++) ledger.open(`other ${owner}`, 'body')
    assert.ok(hold.resize(2000))
    assert.equal(ledger.room('a', 'body'), 48)
    assert.ok(!ledger.open('a', 'body').resize(49))
    hold.release()
    assert.equal(ledger.room('a', 'body'), 2048)
    assert.equal(ledger.owners(), 0)
  })

  it('makes no garbage in the old heap for an owner that comes and goes', () => {
    const ledger = createLedger(LIMITS)
    const comeAndGo = () => {
      for (let count = 0; count < 20_000; count++) {
        const hold = ledger.open('a', 'request')
        assert.ok(hold.resize(100))
        hold.release()
      }
      for (let time = 0; time < 2; time++) collect({ type: 'minor' })
    }
    comeAndGo()
    const before = oldBytes()
    comeAndGo()
    assert.ok(oldBytes() - before < 100_000, `${oldBytes() - before} bytes`)
  })
})

function oldBytes(): number {
  const spaces = getHeapSpaceStatistics().filter(({ space_name }) => space_name === 'old_space')
  return spaces.reduce((sum, { space_used_size }) => sum + space_used_size, 0)
}
