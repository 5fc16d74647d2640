import { openAcl } from '../acl/reload.ts'
import type { AclRules } from '../acl/rules.ts'
import { layoutOf } from '../ca/layout.ts'
import { exists } from '../disk/exists.ts'
import { ArgumentsError } from './arguments.ts'
import { USUAL_DIRECTORY } from './directory.ts'

export const ACL_FILE = {
  type: 'string',
  value: 'FILE',
  help: 'the Mosquitto acl_file [WOTT_ACL_FILE, else .wott/permission.acl]',
} as const
export const DEVICES = {
  type: 'string',
  value: 'DIR',
  help: 'lint: the directory that init made, to find users that are neither a device nor a viewer [.wott, if it exists]',
} as const
export const STRICT = { type: 'boolean', help: 'lint: exit code 1 for warnings too' } as const
export const JSON_LINES = {
  type: 'boolean',
  help: 'lint, explain: print one JSON object per line',
} as const
export const CLIENT_ID = {
  type: 'string',
  value: 'C',
  help: 'explain: what "%c" in a pattern stands for [the WoTT ID, as over HTTP]',
} as const

/** The ACL file to use. */
export function whichFile(given: string | undefined): string {
  const named = given ?? process.env.WOTT_ACL_FILE
  if (named) return named
  const made = layoutOf(USUAL_DIRECTORY).acl
  if (exists(made)) return made
  throw new ArgumentsError(
    `no ACL file: name it with --acl-file FILE or WOTT_ACL_FILE (there is no ${made} here)`,
  )
}

/** Throws a UsageError that names every bad line. */
export async function loadRules(file: string): Promise<AclRules> {
  const source = await openAcl(file, { watch: false, onReload: () => {} })
  source.close()
  return source.current
}
