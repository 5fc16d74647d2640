import type { ConfLine } from './lines.ts'

const PLUGIN = /(^|\/)mosquitto_acl_file(\.[a-z]+)?$/

/** Mosquitto 2.1 can read its ACL file with a plugin: turns the plugin's option into `acl_file`. Other plugins stay. */
export function withAclPlugin(lines: readonly ConfLine[]): ConfLine[] {
  const isLast = new Map<string, boolean>()
  return lines.flatMap((line) => {
    const { name, value, file } = line
    if (['plugin', 'global_plugin', 'auth_plugin'].includes(name)) {
      const isAcl = PLUGIN.test(value.trim())
      isLast.set(file, isAcl)
      return isAcl ? [] : [line]
    }
    if (/^(auth|plugin)_opt_acl_file$/.test(name) && isLast.get(file))
      return [{ ...line, name: 'acl_file' }]
    return [line]
  })
}
