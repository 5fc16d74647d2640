// Measures how long loading and decisions take, also the slowest decisions: node --expose-gc bench/acl.ts
import { createAccess } from '../src/acl/access.ts'
import { parseGently } from '../src/acl/acl-file.ts'
import { couldReceive } from '../src/acl/could-receive.ts'
import { decide } from '../src/acl/decide.ts'
import { parseAcl } from '../src/acl/parse.ts'
import type { AclRules } from '../src/acl/rules.ts'
import { hostile } from '../test/acl/hostile.ts'
import { GOALS } from './goals.ts'
import { report } from './support/findings.ts'
import { median, print, withSpread } from './support/rounds.ts'

const LOADS = 5

function fileOf(users: number): Buffer {
  const lines: string[] = []
  for (let n = 0; n < users; n++) {
    const id = `${n.toString(16).padStart(8, '0')}.d.wott.local`
    lines.push(`user ${id}`, `topic write wott/${id}/temperature`, `topic read wott/${id}/set/#`)
  }
  lines.push('pattern readwrite dev/%u/#', 'pattern deny dev/%u/secret')
  return Buffer.from(`${lines.join('\n')}\n`)
}

function load(bytes: Uint8Array): AclRules {
  const parsed = parseAcl(bytes)
  if (!parsed.ok) throw new Error(parsed.errors[0]?.message)
  return parsed.rules
}

/** The longest turn of the event loop while each of some loads runs, in milliseconds by the clock, garbage collection included. */
async function pauses(bytes: Buffer): Promise<number[]> {
  const longest: number[] = []
  for (let load = 0; load < LOADS; load++) {
    let last = performance.now()
    let most = 0
    let isLoading = true
    function turn(): void {
      const now = performance.now()
      most = Math.max(most, now - last)
      last = now
      if (isLoading) setImmediate(turn)
    }
    turn()
    await parseGently(bytes)
    isLoading = false
    longest.push(most)
  }
  return longest
}

function memory(): number {
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 2 ** 20
}

function nanoseconds(count: number, run: (n: number) => unknown): string {
  for (let n = 0; n < count / 10; n++) run(n)
  const start = process.hrtime.bigint()
  for (let n = 0; n < count; n++) run(n)
  return (Number(process.hrtime.bigint() - start) / count).toFixed(0).padStart(6)
}

for (const users of [10, 100_000]) {
  const bytes = fileOf(users)
  const before = memory()
  const start = performance.now()
  const rules = load(bytes)
  const loaded = performance.now() - start
  const megabytes = memory() - before
  print(`${users} users, ${rules.size} rules, ${bytes.length} bytes`)
  print(`  load        ${loaded.toFixed(0).padStart(6)} ms, ${megabytes.toFixed(0)} MiB kept`)
  const paused = await pauses(bytes)
  print(`  pauses of at most ${withSpread(paused, 1)} ms`)
  report({
    what: `ACL of ${users} users`,
    measured: `loaded in ${loaded.toFixed(0)} ms, longest pause of a reload ${withSpread(paused, 1)} ms`,
    goals: [[GOALS.reload, median(paused)]],
  })

  const ids = Array.from(rules.users, ([user]) => user)
  const who = (n: number) => ({ user: ids[(n * 7919) % ids.length] ?? '', clientId: 'c1' })
  const one = who(0)
  const topics = Array.from({ length: 64 }, (_, n) => `wott/${one.user}/set/${n}`)
  const access = createAccess({ current: rules }, one)
  const heard = Array.from({ length: 4096 }, (_, n) => Buffer.from(topics[n % 64] ?? ''))
  print(`  repeated    ${nanoseconds(2e6, (n) => access.mayReceive(topics[n % 64] ?? ''))} ns`)
  print(
    `  .. off the wire ${nanoseconds(5e5, (n) => access.mayReceive(String(heard[n % 4096])))} ns`,
  )
  print(
    `  new, own    ${nanoseconds(3e5, (n) => decide(rules, who(n), 'receive', `wott/${who(n).user}/set/x`))} ns`,
  )
  print(
    `  new, pattern${nanoseconds(3e5, (n) => decide(rules, who(n), 'publish', `dev/${who(n).user}/x`))} ns`,
  )
  print(
    `  new, refused${nanoseconds(3e5, (n) => decide(rules, who(n), 'publish', `other/${n}`))} ns`,
  )
  print(`  couldReceive${nanoseconds(1e5, (n) => couldReceive(rules, who(n), ['dev/+/#']))} ns`)
}

for (const { name, bytes, who, topic, filter } of hostile()) {
  const paused = withSpread(await pauses(bytes), 1)
  const rules = load(bytes)
  const decisions: number[] = []
  for (let n = 0; n < 7; n++) {
    const began = performance.now()
    decide(rules, who, 'receive', topic)
    decisions.push(performance.now() - began)
  }
  const began = performance.now()
  couldReceive(rules, who, [filter])
  const overlap = performance.now() - began
  const worst = `${Math.max(...decisions).toFixed(2)} (first), ${Math.min(...decisions).toFixed(2)} ms`
  print(
    `${name}: ${(bytes.length / 1e6).toFixed(1)} MB, load with pauses of at most ${paused} ms, decide ${worst}, couldReceive ${overlap.toFixed(2)} ms`,
  )
}
