import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createNumbers } from '../../src/broker/numbers.ts'

describe('numbers', () => {
  it('are consecutive where nothing is stored', () => {
    const numbers = createNumbers(7)
    assert.deepEqual([numbers.next(), numbers.next(), numbers.next()], [8, 9, 10])
  })

  it('rise and never repeat, whatever is stored in between', () => {
    const steps = fc.array(fc.constantFrom('next', 'reserve', 'settle', 'many'), { maxLength: 200 })
    fc.assert(
      fc.property(steps, fc.nat(2 ** 40), (all, start) => {
        const numbers = createNumbers(start)
        const handedOn = [start]
        const reserved: number[] = []
        const next = () => {
          const number = numbers.next()
          const [first] = reserved
          if (number === undefined) {
            // there is none only where the very next number is reserved
            assert.equal(first, (handedOn.at(-1) ?? 0) + 1)
            return
          }
          if (first !== undefined) assert.ok(number < first, `${number} passes ${first}`)
          handedOn.push(number)
        }
        for (const step of all) {
          if (step === 'next') next()
          else if (step === 'many') for (let count = 0; count < 3000; count++) next()
          else if (step === 'reserve') reserved.push(numbers.reserve())
          else {
            const number = reserved.shift()
            if (number === undefined) continue
            numbers.settle(number)
            handedOn.push(number)
          }
        }
        let before = -1
        for (const number of [...handedOn, ...reserved]) {
          assert.ok(Number.isSafeInteger(number) && number > before, `${number} after ${before}`)
          before = number
        }
      }),
    )
  })

  it('run out below a reserved one, until that is settled', () => {
    const numbers = createNumbers(0)
    const reserved = numbers.reserve()
    for (let number = 1; number < reserved; number++) assert.equal(numbers.next(), number)
    assert.equal(numbers.next(), undefined)
    numbers.settle(reserved)
    assert.equal(numbers.next(), reserved + 1)
  })
})
