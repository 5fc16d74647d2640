import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openTopicsFile, type TopicsFileLoad } from '../../src/catalog/topics-file.ts'
import { PUBLIC_FILE, replaceFile } from '../../src/disk/files.ts'
import { UsageError } from '../../src/errors.ts'
import { temporaryFolder } from '../cli/program.ts'

describe('the topics file in use', () => {
  it('is reloaded when it changes; an invalid one leaves the old one in force', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'topics')
    await writeFile(path, 'a unit V\n')
    const loads: TopicsFileLoad[] = []
    let heard = Promise.withResolvers<void>()
    const onLoad = (load: TopicsFileLoad) => {
      loads.push(load)
      heard.resolve()
    }
    const file = await openTopicsFile(path, { silenceMs: null, intervalMs: 20, onLoad })
    let changes = 0
    file.onChange(() => {
      changes += 1
    })
    const unit = () => file.current.of('a').entry?.fields[0]?.unit
    assert.equal(unit(), 'V')

    // in one step, as a file that is being written may be loaded while it is empty
    const replace = (text: string) => replaceFile({ path, text, mode: PUBLIC_FILE })
    await replace('a unit\n')
    await heard.promise
    const message = `${path}:1:3 unit has no value`
    assert.deepEqual(loads, [{ ok: false, errors: [message] }])
    await file.reload()
    assert.equal(file.failure(), message)
    assert.deepEqual([unit(), changes], ['V', 0])

    heard = Promise.withResolvers()
    await replace('a unit kV\n')
    await heard.promise
    assert.deepEqual(loads.at(-1), { ok: true, patterns: 1 })
    await file.reload()
    assert.equal(file.failure(), null)
    assert.deepEqual([unit(), changes], ['kV', 2])
    file.close()
  })

  it('is refused at the start with its bad lines', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'topics')
    const options = { silenceMs: null, onLoad() {} }
    const refused = (message: string) => (error: unknown) =>
      error instanceof UsageError && error.message === message
    await assert.rejects(
      openTopicsFile(path, options),
      refused(`${path} cannot be read: no such file`),
    )
    await writeFile(path, 'a b c\nd e\n')
    await assert.rejects(
      openTopicsFile(path, options),
      /topics:1:3 "b" is not.*\n.*topics:2:3 "e" is/,
    )
    await writeFile(path, '#'.repeat(1_048_577))
    await assert.rejects(
      openTopicsFile(path, options),
      refused(`${path} cannot be read: it has 1048577 bytes; at most 1048576 are allowed`),
    )
    await assert.rejects(openTopicsFile(folder.path, options), /it is not a regular file/)
  })
})
