import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Folder, run, temporaryFolder } from './program.ts'

describe('topics', { concurrency: 2 }, () => {
  let folder: Folder
  before(async () => {
    folder = await temporaryFolder()
    await writeFile(
      join(folder.path, 'good'),
      '# of ours\na/+ name "A of %1" unit V max 5 silence 1m\n"#" unit x\n',
    )
    await writeFile(join(folder.path, 'bad'), 'a unit\nb unti x\n')
  })
  after(() => folder[Symbol.asyncDispose]())
  const topics = (args: readonly string[], env: Record<string, string> = {}) =>
    run(['topics', ...args], { cwd: folder.path, env })

  it('reports every bad line, exit code 1', async () => {
    assert.deepEqual(await topics(['lint', '--topics-file', 'bad']), {
      code: 1,
      stdout:
        'bad:1:3 unit has no value\nbad:2:3 "unti" is not one of name, unit, class, silence, min, max, field\n',
      stderr: '',
    })
    assert.deepEqual(await topics(['lint'], { WOTT_TOPICS_FILE: 'good' }), {
      code: 0,
      stdout: 'good: no problems found; patterns: 2\n',
      stderr: '',
    })
  })

  it('prints the pattern that applies to a topic, and its settings', async () => {
    const { code, stdout } = await topics(['explain', 'a/b', '--topics-file', 'good'])
    assert.equal(code, 0)
    assert.equal(stdout, 'good:2 a/+\nsilence: 60 s\nname A of b, unit V, max 5, class voltage\n')
    const other = await topics(['explain', 'b', '--topics-file', 'good'])
    assert.equal(other.stdout, 'good:3 #\nsilence: as WOTT_SILENCE says\nname b, unit x\n')
  })

  it('reports a missing or unreadable file, exit code 2', async () => {
    const unnamed = await topics(['lint'])
    assert.deepEqual([unnamed.code, unnamed.stdout], [2, ''])
    assert.match(unnamed.stderr, /--topics-file FILE or WOTT_TOPICS_FILE/)
    for (const action of [['lint'], ['explain', 'a']]) {
      const missing = await topics([...action, '--topics-file', 'none'])
      assert.equal(missing.code, 2)
      assert.match(missing.stderr, /none cannot be read: no such file/)
    }
    assert.equal((await topics(['explain', 'a/+', '--topics-file', 'good'])).code, 2)
  })
})
