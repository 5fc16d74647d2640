import { once } from 'node:events'
import type { Verdict } from '../acl/decide.ts'
import { answer, parseQuestion } from '../acl/questions.ts'
import { quote } from '../acl/quote.ts'
import type { AclRules } from '../acl/rules.ts'
import { ACL_FILE, loadRules, whichFile } from './acl-file.ts'
import { readArguments, requireNoWords } from './arguments.ts'
import { say } from './command.ts'
import { type InputLine, linesIn } from './input-lines.ts'

/** A topic has at most 65,535 bytes, each of which JSON may write as six. */
const LONGEST_LINE = 1024 * 1024

interface Tally {
  asked: number
  unmet: number
  malformed: number
}

/** `acl test`: one verdict line for each question line. */
export async function test(args: readonly string[]): Promise<number> {
  const { values, words } = readArguments(args, { 'acl-file': ACL_FILE })
  requireNoWords(words, 'acl-file')
  const rules = await loadRules(whichFile(values['acl-file']))
  if (process.stdin.isTTY) say('reading questions from the keyboard; end with Ctrl-D')
  const tally: Tally = { asked: 0, unmet: 0, malformed: 0 }
  for await (const lines of linesIn(process.stdin, LONGEST_LINE)) {
    let written = ''
    for (const line of lines) written += ask(rules, line, tally)
    if (!process.stdout.write(written)) await once(process.stdout, 'drain')
  }
  const { asked, unmet, malformed } = tally
  if (unmet > 0) say(`${unmet} of ${asked} verdicts ${unmet === 1 ? 'is' : 'are'} not as expected`)
  return malformed > 0 ? 2 : unmet > 0 ? 1 : 0
}

/** The output line. An invalid question gets one too, so that the n-th answer is for the n-th question. */
function ask(rules: AclRules, { number, text, problem }: InputLine, tally: Tally): string {
  if (problem === null && text.trim() === '') return ''
  const parsed = problem === null ? parseQuestion(text) : { ok: false as const, error: problem }
  if (!parsed.ok) {
    tally.malformed += 1
    process.stderr.write(`line ${number}: ${parsed.error}\n`)
    return `${JSON.stringify({ error: parsed.error })}\n`
  }
  const { expect } = parsed.question
  const verdict = answer(rules, parsed.question)
  tally.asked += 1
  if (expect !== null && expect !== verdict.allowed) {
    tally.unmet += 1
    process.stderr.write(`line ${number}: expected ${word(expect)}, but ${reason(verdict)}\n`)
  }
  return `${JSON.stringify(verdict)}\n`
}

function word(allowed: boolean): string {
  return allowed ? 'allowed' : 'denied'
}

function reason({ allowed, line, rule }: Verdict): string {
  if (rule === null) return 'no line allows it'
  return `is ${word(allowed)} by line ${line}, ${quote(rule)}`
}
