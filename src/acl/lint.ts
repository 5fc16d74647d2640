import { type AclErrorCode, columnOf } from './faults.ts'
import { linesOf } from './lines.ts'
import { fileWarnings, type SectionLines } from './lint-file.ts'
import { type KnownUsers, ruleWarnings, unknownWarnings, userWarnings } from './lint-line.ts'
import { parseAcl } from './parse.ts'
import { parseLine } from './statement.ts'
import type { Warning, WarningCode } from './warning.ts'

export interface Finding {
  /** With an error the file does not load; a warning is perhaps not what was meant. */
  readonly severity: 'error' | 'warning'
  readonly line: number
  readonly column: number
  readonly code: AclErrorCode | WarningCode
  readonly message: string
}

/** Every error of an ACL file and what is worth a second look, in the order of the lines; users only where it is known who there is. */
export function lintAcl(bytes: Uint8Array, known: KnownUsers | null = null): Finding[] {
  const file = Buffer.from(bytes)
  const parsed = parseAcl(bytes)
  const warnings: Warning[] = []
  const sections: SectionLines[] = [{ user: null, topics: [] }]
  for (const line of linesOf(file)) {
    const statement = parseLine(file, line)
    if (!statement || statement.kind === 'error') continue
    if (statement.kind === 'user') {
      sections.push({ user: statement, topics: [] })
      warnings.push(...userWarnings(file, statement), ...unknownWarnings(file, statement, known))
    } else {
      if (statement.kind === 'topic') sections.at(-1)?.topics.push(statement.rule)
      warnings.push(...ruleWarnings(file, statement))
    }
  }
  if (parsed.ok) warnings.push(...fileWarnings(parsed.rules, sections))

  const findings = warnings.map(({ line, at, code, message }): Finding => {
    return { severity: 'warning', line, column: columnOf(file, at), code, message }
  })
  if (!parsed.ok) for (const error of parsed.errors) findings.push({ severity: 'error', ...error })
  return findings.sort((a, b) => a.line - b.line || a.column - b.column)
}
