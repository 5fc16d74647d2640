import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { ArgumentsError } from '../../src/cli/arguments.ts'
import { grantIn, grantsIn, rightLines, rightsOf } from '../../src/cli/rights.ts'
import { temporaryFolder } from './program.ts'

it('--allow is a filter, after an access word or the usual one', () => {
  const texts = ['a/#', 'read  b', 'reader', 'read', 'write c d']
  assert.deepEqual(grantsIn(texts, ['readwrite', 'read', 'write']), [
    { access: 'readwrite', filter: 'a/#' },
    { access: 'read', filter: 'b' },
    { access: 'readwrite', filter: 'reader' },
    { access: 'readwrite', filter: 'read' },
    { access: 'write', filter: 'c d' },
  ])
  assert.throws(
    () => grantsIn(['write a'], ['read']),
    (error) =>
      error instanceof ArgumentsError &&
      error.message === '--allow needs a topic filter, optionally after read, not "write a"',
  )
})

it('rights are read from the ACL file, and shown with what could be added', async () => {
  await using folder = await temporaryFolder()
  const aclFile = join(folder.path, 'acl')
  const shown = async (user: string) => rightLines(user, await rightsOf(aclFile, user), 'write x')
  assert.deepEqual(await shown('a'), [`Its rights are not known: ${aclFile}: no such file`])
  await writeFile(aclFile, 'user a\ntopic read t/#\npattern write %u/#\n')
  assert.deepEqual(await shown('a'), [`Rights in ${aclFile}:`, '  read t/#', '  write a/#'])
  await writeFile(aclFile, 'user a\ntopic read t/#\n')
  assert.deepEqual((await shown('b')).slice(1), ['', '  user b', '  topic write x'])
  await writeFile(aclFile, 'nonsense\n')
  assert.match((await shown('a')).join(), /it has errors; see "wott-gateway acl lint"$/)
})

it('rights are added after a check, and nothing without --allow', async () => {
  await using folder = await temporaryFolder()
  const aclFile = join(folder.path, 'acl')
  const none = grantIn(aclFile, [], 'test')
  // there is no file, which does not matter
  await none.check('a')
  await none.write('a')
  const grants = grantsIn(['a/#'], ['readwrite'])
  const adding = grantIn(aclFile, grants, 'test')
  await writeFile(aclFile, '')
  await adding.check('a')
  assert.equal(await readFile(aclFile, 'utf8'), '')
  await adding.write('a')
  assert.deepEqual((await rightsOf(aclFile, 'a')).may, [{ access: 'readwrite', topic: 'a/#' }])
  assert.match(await readFile(aclFile, 'utf8'), /added by "wott-gateway test" on \d{4}-\d\d-\d\d/)
})
