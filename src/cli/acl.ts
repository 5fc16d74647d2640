import { ACL_FILE, CLIENT_ID, DEVICES, JSON_LINES, STRICT } from './acl-file.ts'
import { pickAction } from './actions.ts'
import type { CliCommand } from './command.ts'
import { helpText } from './help.ts'

type Action = (args: readonly string[]) => Promise<number | undefined>

const ACTIONS: Readonly<Record<string, () => Promise<Action>>> = {
  lint: async () => (await import('./acl-lint.ts')).lint,
  explain: async () => (await import('./acl-explain.ts')).explainVerdict,
  test: async () => (await import('./acl-test.ts')).test,
}

export const acl: CliCommand = {
  help: helpText({
    usage: [
      'acl lint [OPTIONS]',
      'acl explain ID publish|receive TOPIC [OPTIONS]',
      'acl test [OPTIONS] < QUESTIONS',
    ],
    about: [],
    words: [
      [
        'lint',
        'print each line that cannot be loaded, and warnings about lines that are probably wrong, as FILE:LINE:COLUMN; exit code 1 if there are errors',
      ],
      [
        'explain',
        'print whether the client with that WoTT ID ("" for a client without a name) may publish or receive, which line decides, and what to change; the exit code is 0 in both cases',
      ],
      [
        'test',
        'read questions from standard input, one {"user","clientId"?,"action","topic","expect"?} per line: user null is a client without a name, action is publish or receive, expect is true or false. Print one answer per line, in the same order: {"allowed","line","rule"}, or {"error"} if the line is not a valid question. Exit code 1 if an answer is not the expected one, 2 if the file cannot be loaded or a line is not a valid question',
      ],
    ],
    flags: {
      'acl-file': ACL_FILE,
      devices: DEVICES,
      strict: STRICT,
      json: JSON_LINES,
      'client-id': CLIENT_ID,
    },
    examples: [
      'wott-gateway acl lint',
      'wott-gateway acl explain sensor.d.wott.local publish wott/temperature',
      `echo '{"user":"sensor.d.wott.local","action":"publish","topic":"a"}' |\n    wott-gateway acl test`,
    ],
  }),
  async run([action, ...args]) {
    const run = await pickAction('acl', ACTIONS, action)()
    return run(args)
  },
}
