import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { type Addition, addLines, type NewGrant } from '../../src/acl/add-lines.ts'
import { parseAcl } from '../../src/acl/parse.ts'
import { UsageError } from '../../src/errors.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wott-acl-'))
})
after(() => rm(folder, { recursive: true }))

const both = (filter: string): NewGrant => ({ access: 'readwrite', filter })

/** The text of an ACL file after lines were added to it. */
async function added(text: string, addition: Partial<Addition>): Promise<string> {
  const path = join(folder, 'permission.acl')
  await writeFile(path, text)
  await addLines(path, {
    user: 'kitchen',
    grants: [both('kitchen/#')],
    comment: 'new',
    ...addition,
  })
  return readFile(path, 'utf8')
}

describe('adding lines to an ACL file', () => {
  it('puts them at the end for a new user, and below the lines of a user that is there', async () => {
    const lines = '# new\nuser kitchen\ntopic readwrite kitchen/#\n'
    assert.equal(await added('', {}), lines)
    assert.equal(await added('user a\ntopic b', {}), `user a\ntopic b\n\n${lines}`)
    assert.equal(
      await added('user kitchen\ntopic a\n\nuser b\ntopic c\n', {}),
      'user kitchen\ntopic a\n# new\ntopic readwrite kitchen/#\n\nuser b\ntopic c\n',
    )
    assert.equal(
      await added('user kitchen\ntopic a', {}),
      'user kitchen\ntopic a\n# new\ntopic readwrite kitchen/#\n',
    )
  })

  it('adds nothing that the file already allows', async () => {
    for (const text of [
      'user kitchen\ntopic kitchen/#\n',
      'user kitchen\ntopic read kitchen/#\ntopic write kitchen/#',
    ])
      assert.equal(await added(text, {}), text)
    const read = { grants: [{ access: 'read', filter: 'a' } as const] }
    assert.equal(
      await added('user kitchen\ntopic write a\n', read),
      'user kitchen\ntopic write a\n# new\ntopic read a\n',
    )
  })

  it('refuses a file with errors, and names and filters that no line can hold', async () => {
    const bad = 'user a\ntopc b\n'
    await assert.rejects(added(bad, {}), (error: Error) => {
      assert.ok(error instanceof UsageError)
      assert.match(
        error.message,
        /has errors, so nothing was added to it\. First error, line 2: unknown keyword "topc"/,
      )
      return true
    })
    assert.equal(await readFile(join(folder, 'permission.acl'), 'utf8'), bad)
    for (const filter of ['', 'a/#/b', 'a\ntopic b', ' a', 'a ', 'a\0'])
      await assert.rejects(
        added('', { grants: [both(filter)] }),
        UsageError,
        JSON.stringify(filter),
      )
    for (const user of ['', 'a\ntopic #', ' a'])
      await assert.rejects(added('', { user }), UsageError, JSON.stringify(user))
    await assert.rejects(
      addLines(join(folder, 'none'), { user: 'a', grants: [both('a')], comment: '' }),
      /no such file/,
    )
  })

  it('does not change the rules of other users', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.constantFrom(
            'user a',
            'user kitchen',
            'topic read x/#',
            'topic deny y',
            'pattern write %u/#',
            '# c',
            '',
          ),
        ),
        fc.constantFrom('\n', '\n\n', ''),
        async (lines, end) => {
          const before = parseAcl(Buffer.from(lines.join('\n') + end))
          const after = parseAcl(Buffer.from(await added(lines.join('\n') + end, {})))
          assert.ok(before.ok && after.ok)
          assert.equal(after.rules.size, before.rules.size + 1)
          for (const [user, { rules }] of before.rules.users)
            assert.equal(
              after.rules.users.get(user)?.rules.length,
              rules.length + (user === 'kitchen' ? 1 : 0),
            )
        },
      ),
      { numRuns: 100 },
    ))

  it('keeps the mode of the file, and a symbolic link', async () => {
    const [path, link] = [join(folder, 'real.acl'), join(folder, 'link.acl')]
    await writeFile(path, '')
    await chmod(path, 0o640)
    await symlink(path, link)
    await addLines(link, { user: 'a', grants: [both('b')], comment: 'new' })
    assert.equal((await stat(path)).mode & 0o777, 0o640)
    assert.match(await readFile(path, 'utf8'), /^topic readwrite b$/m)
    assert.equal(await readFile(link, 'utf8'), await readFile(path, 'utf8'))
  })

  it('loses none when several are added at once', async () => {
    const path = join(folder, 'many.acl')
    await writeFile(path, '')
    await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        addLines(path, { user: `u${n}`, grants: [both('a')], comment: 'new' }),
      ),
    )
    const parsed = parseAcl(await readFile(path))
    assert.ok(parsed.ok)
    assert.equal(parsed.rules.users.size, 10)
  })
})
