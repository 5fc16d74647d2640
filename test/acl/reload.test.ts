import assert from 'node:assert/strict'
import {
  appendFile,
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pauseFor } from 'node:timers/promises'
import { decide } from '../../src/acl/decide.ts'
import { type AclFile, openAcl, type ReloadResult } from '../../src/acl/reload.ts'
import { UsageError } from '../../src/errors.ts'

const SECRET = 'user alice\ntopic read #\ntopic deny secret\n'

interface Opened {
  readonly path: string
  readonly source: AclFile
  /** Every reload so far. */
  readonly reloads: readonly ReloadResult[]
  /** The next reload that has not been handed out yet. */
  next(): Promise<ReloadResult>
  reads(topic: string): boolean
}

async function open(t: TestContext, content: string, watch = true): Promise<Opened> {
  const directory = await mkdtemp(join(tmpdir(), 'wott-acl-'))
  const path = join(directory, 'permission.acl')
  await writeFile(path, content)
  return follow(t, path, watch, directory)
}

async function follow(t: TestContext, path: string, watch: boolean, directory: string) {
  const reloads: ReloadResult[] = []
  let handedOut = 0
  let wake = () => {}
  const onReload = (result: ReloadResult) => {
    reloads.push(result)
    wake()
  }
  const source = await openAcl(path, { watch, intervalMs: 10, settleMs: 300, onReload })
  t.after(async () => {
    source.close()
    await rm(directory, { recursive: true })
  })
  return {
    path,
    source,
    reloads,
    async next() {
      while (reloads.length === handedOut) {
        const { promise, resolve } = Promise.withResolvers<void>()
        wake = resolve
        await promise
      }
      const result = reloads[handedOut]
      assert.ok(result)
      handedOut += 1
      return result
    },
    reads: (topic: string) =>
      decide(source.current, { user: 'alice', clientId: 'c' }, 'receive', topic).allowed,
  }
}

test('a first load that fails reports every bad line', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wott-acl-'))
  t.after(() => rm(directory, { recursive: true }))
  const path = join(directory, 'acl')
  const options = { watch: false, onReload: () => assert.fail('no reload was asked for') }
  await assert.rejects(openAcl(path, options), (error) => {
    assert.ok(error instanceof UsageError)
    assert.ok(error.message.startsWith(`${path} cannot be read: no such file`))
    return true
  })
  await assert.rejects(openAcl(directory, options), /not a regular file/)
  await writeFile(path, 'topic a b\nuser\n')
  await assert.rejects(openAcl(path, options), (error) => {
    assert.ok(error instanceof UsageError)
    const [first, second, third] = error.message.split('\n')
    assert.ok(first?.startsWith(`${path}:1:7 unknown access "a"`))
    assert.ok(second?.startsWith(`${path}:2:5 a user name is missing`))
    assert.equal(third, undefined)
    return true
  })
})

test('an empty file is valid from the start and denies everything', async (t) => {
  const { source, reads } = await open(t, '', false)
  assert.equal(source.current.size, 0)
  assert.equal(reads('a'), false)
})

test('reloadIfChanged() reads the file only when it has changed', async (t) => {
  const { path, source, reads, reloads } = await open(t, SECRET, false)
  const before = source.current
  await source.reloadIfChanged()
  assert.equal(source.current, before)
  await writeFile(path, 'user alice\ntopic read secret\n')
  await source.reloadIfChanged()
  assert.equal(reads('secret'), true)
  assert.equal(reloads.length, 1)
})

test('reload() applies the new rules and notifies listeners', async (t) => {
  const { path, source, reads, reloads } = await open(t, SECRET, false)
  let changes = 0
  const stop = source.onChange(() => {
    changes += 1
    assert.equal(reads('secret'), changes === 1)
  })
  await writeFile(path, 'user alice\ntopic read secret\n')
  assert.deepEqual(await source.reload(), { ok: true, rules: 1 })
  assert.equal(reads('secret'), true)
  assert.equal(reads('a'), false)
  await writeFile(path, SECRET)
  await source.reload()
  assert.equal(changes, 2)
  stop()
  await writeFile(path, 'topic read x\n')
  await source.reload()
  assert.equal(changes, 2)
  assert.equal(reloads.length, 3)
})

test('reload() of an unchanged file keeps the very same rules', async (t) => {
  const { source, reloads } = await open(t, SECRET, false)
  const before = source.current
  source.onChange(() => assert.fail('nothing has changed'))
  assert.deepEqual(await source.reload(), { ok: true, rules: 2 })
  assert.equal(source.current, before)
  assert.equal(reloads.length, 1)
})

test('a failed reload keeps the rules, and the next good one applies', async (t) => {
  const { path, source, reads } = await open(t, SECRET, false)
  const before = source.current
  const refused = async (reason: RegExp) => {
    const result = await source.reload()
    assert.ok(!result.ok)
    assert.match(result.errors.join('\n'), reason)
    assert.equal(source.current, before)
    assert.equal(reads('secret'), false)
    assert.equal(reads('public'), true)
  }
  await writeFile(path, 'user alice\ntopic read secret\ntopic secret too\n')
  await refused(/permission\.acl:3:7 unknown access "secret"/)
  await writeFile(path, 'user alice\ntopic read \0\n')
  await refused(/permission\.acl:2:12 .*NUL/)
  await rm(path)
  await refused(/permission\.acl cannot be read: no such file/)
  await mkdir(path)
  await refused(/permission\.acl cannot be read: .*not a regular file/)
  await rm(path, { recursive: true })
  await writeFile(path, 'user alice\ntopic read secret\n')
  assert.deepEqual(await source.reload(), { ok: true, rules: 1 })
  assert.equal(reads('secret'), true)
})

test('a file that is empty while it is rewritten does not replace the rules', async (t) => {
  const { path, source, reads, reloads } = await open(t, SECRET, false)
  const before = source.current
  await truncate(path)
  await utimes(path, 0, 0)
  const reload = source.reload()
  // an editor that truncates first and writes later
  await pauseFor(100)
  assert.equal(source.current, before)
  await writeFile(path, `${SECRET}topic deny other\n`)
  assert.deepEqual(await reload, { ok: true, rules: 3 })
  assert.equal(reads('secret'), false)
  assert.equal(reads('public'), true)
  assert.equal(reloads.length, 1)
})

test('half a written file does not replace the rules', async (t) => {
  const { path, source, reads, reloads } = await open(t, SECRET, false)
  await writeFile(path, 'user alice\ntopic read #\n')
  const reload = source.reload()
  await pauseFor(30)
  await appendFile(path, 'topic deny sec')
  await pauseFor(30)
  await appendFile(path, 'ret\n')
  assert.deepEqual(await reload, { ok: true, rules: 2 })
  assert.equal(reads('secret'), false)
  assert.equal(reloads.length, 1)
})

test('a file that stays empty replaces the rules after a moment, and denies everything', async (t) => {
  const { path, reads, next } = await open(t, SECRET)
  await truncate(path)
  assert.deepEqual(await next(), { ok: true, rules: 0 })
  assert.equal(reads('public'), false)
  await writeFile(path, '# nothing but a comment\n')
  assert.deepEqual(await next(), { ok: true, rules: 0 })
})

test('notices a file written in place', async (t) => {
  const { path, next, reads } = await open(t, SECRET)
  await writeFile(path, 'user alice\ntopic read secret\n')
  assert.deepEqual(await next(), { ok: true, rules: 1 })
  assert.equal(reads('secret'), true)
  // the same size as before
  await writeFile(path, 'user alice\ntopic read sesame\n')
  assert.deepEqual(await next(), { ok: true, rules: 1 })
  assert.equal(reads('sesame'), true)
})

test('notices a file renamed into its place', async (t) => {
  const { path, next, reads } = await open(t, SECRET)
  await writeFile(`${path}.new`, 'user alice\ntopic read secret\n')
  await rename(`${path}.new`, path)
  assert.deepEqual(await next(), { ok: true, rules: 1 })
  assert.equal(reads('secret'), true)
})

test('notices a ConfigMap that Kubernetes swaps', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'wott-acl-'))
  const version = async (name: string, content: string) => {
    await mkdir(join(directory, name))
    await writeFile(join(directory, name, 'permission.acl'), content)
    await symlink(name, join(directory, '..data_tmp'))
    await rename(join(directory, '..data_tmp'), join(directory, '..data'))
  }
  await version('..2026_01', SECRET)
  const path = join(directory, 'permission.acl')
  await symlink('..data/permission.acl', path)
  const { next, reads } = await follow(t, path, true, directory)
  await version('..2026_02', 'user alice\ntopic read secret\n')
  await rm(join(directory, '..2026_01'), { recursive: true })
  assert.deepEqual(await next(), { ok: true, rules: 1 })
  assert.equal(reads('secret'), true)
})

test('a bad file is reported once, and so is the good one after it, even if the rules are as before', async (t) => {
  const { path, source, next, reloads } = await open(t, SECRET)
  const before = source.current
  await writeFile(path, 'topic\n')
  assert.equal((await next()).ok, false)
  await rm(path)
  assert.equal((await next()).ok, false)
  await writeFile(path, SECRET)
  assert.deepEqual(await next(), { ok: true, rules: 2 })
  assert.equal(source.current, before)
  assert.equal(reloads.length, 3)
})

test('a closed file reports and changes nothing', async (t) => {
  const { path, source, reloads } = await open(t, SECRET)
  const before = source.current
  await truncate(path)
  const reload = source.reload()
  source.close()
  assert.equal((await reload).ok, false)
  assert.equal((await source.reload()).ok, false)
  assert.equal(source.current, before)
  assert.equal(reloads.length, 0)
  source.close()
})
