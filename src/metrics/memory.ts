import { Counter, Gauge, type Registry } from 'prom-client'
import { KINDS, type Ledger } from '../budget/ledger.ts'

/** What is held for devices, viewers and strangers, and how often there was no room for more. */
export function registerMemoryMetrics(registry: Registry, ledgers: readonly Ledger[]): void {
  const registers = [registry]
  const sum = (of: (ledger: Ledger) => number) =>
    ledgers.reduce((total, ledger) => total + of(ledger), 0)
  new Gauge({
    name: 'wott_memory_held_bytes',
    help: 'Bytes of memory used for devices, viewers and unidentified clients, by purpose.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const kind of KINDS)
        this.set(
          { kind },
          sum((ledger) => ledger.held(kind)),
        )
    },
  })
  new Counter({
    name: 'wott_memory_refused_total',
    help: 'Requests, messages and connections that were refused, dropped or closed because a memory limit was reached.',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset()
      for (const kind of KINDS)
        this.inc(
          { kind },
          sum((ledger) => ledger.refused(kind)),
        )
    },
  })
}
