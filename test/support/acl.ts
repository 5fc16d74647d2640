import assert from 'node:assert/strict'
import { parseAcl } from '../../src/acl/parse.ts'
import type { AclSource } from '../../src/acl/reload.ts'

/** Fixed rules from the text of an ACL file. */
export function aclOf(text: string): AclSource {
  const parsed = parseAcl(Buffer.from(text))
  assert.ok(parsed.ok, 'this ACL text has errors')
  return {
    current: parsed.rules,
    reload: async () => ({ ok: true, rules: parsed.rules.size }),
    onChange: () => () => {},
    failure: () => null,
    close: () => {},
  }
}
