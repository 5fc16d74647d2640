import { parseAcl } from '../../src/acl/parse.ts'
import type { AclRules } from '../../src/acl/rules.ts'

/** The rules of a file that has no errors. */
export function rulesOf(file: string | Uint8Array): AclRules {
  const parsed = parseAcl(typeof file === 'string' ? Buffer.from(file) : file)
  if (parsed.ok) return parsed.rules
  throw new Error(parsed.errors.map((error) => `${error.line}: ${error.message}`).join('\n'))
}
