import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadCompiled } from '../../src/cli/compiled.ts'
import { temporaryFolder } from './program.ts'

interface Exports {
  answer(): string
}

/** A module, and the folder for what is compiled of it. */
async function moduleFile() {
  const folder = await temporaryFolder()
  const file = join(folder.path, 'module.cjs')
  await writeFile(file, 'exports.answer = () => require("node:path").basename(__filename)')
  const cache = join(folder.path, 'cache')
  const kept = join(cache, `serve-${process.version}-${process.arch}`)
  return { folder, file, cache, kept, [Symbol.asyncDispose]: folder[Symbol.asyncDispose] }
}

test('what is compiled of a module is kept for the next start, and only its owner can read it', async () => {
  await using at = await moduleFile()
  const first = loadCompiled<Exports>(at.file, at.cache)
  assert.equal(first.exports.answer(), 'module.cjs')
  assert.equal(first.isCompiled, false)
  first.keep()
  const modes = await Promise.all([at.cache, at.kept].map(async (path) => (await stat(path)).mode))
  assert.deepEqual(
    modes.map((mode) => mode & 0o777),
    [0o700, 0o600],
  )

  const second = loadCompiled<Exports>(at.file, at.cache)
  assert.equal(second.exports.answer(), 'module.cjs')
  assert.equal(second.isCompiled, true)
})

test('it is not used for a module that has changed, even if it is as long as before', async () => {
  await using at = await moduleFile()
  loadCompiled<Exports>(at.file, at.cache).keep()
  await writeFile(at.file, (await readFile(at.file, 'utf8')).replace('answer', 'reply_'))
  const { exports, isCompiled } = loadCompiled<Exports>(at.file, at.cache)
  assert.deepEqual([Object.keys(exports), isCompiled], [['reply_'], false])
})

test('it is not used if it is damaged, and the next start keeps it again', async () => {
  await using at = await moduleFile()
  loadCompiled<Exports>(at.file, at.cache).keep()
  const bytes = await readFile(at.kept)
  for (const damaged of [
    Buffer.concat([bytes.subarray(0, -9), Buffer.alloc(9, 0x55)]),
    bytes.subarray(0, bytes.length >> 1),
    bytes.subarray(0, 5),
    Buffer.alloc(0),
  ]) {
    await writeFile(at.kept, damaged)
    const again = loadCompiled<Exports>(at.file, at.cache)
    assert.deepEqual([again.exports.answer(), again.isCompiled], ['module.cjs', false])
    again.keep()
    assert.equal(loadCompiled<Exports>(at.file, at.cache).isCompiled, true)
  }
})

test('a folder that cannot be written, or none, does not matter', async () => {
  await using at = await moduleFile()
  for (const folder of [join(at.file, 'below'), undefined]) {
    const loaded = loadCompiled<Exports>(at.file, folder)
    loaded.keep()
    assert.deepEqual([loaded.exports.answer(), loaded.isCompiled], ['module.cjs', false])
  }
})
