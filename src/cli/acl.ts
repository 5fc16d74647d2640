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
        'every line that does not load, and what is worth a second look, as FILE:LINE:COLUMN; exit code 1 when there are errors',
      ],
      [
        'explain',
        'whether the client with that WoTT ID ("" for one without a name) may, which line decides, and what would have to change; exit code 0 whatever the verdict',
      ],
      [
        'test',
        'reads questions from standard input, one {"user","clientId"?,"action","topic","expect"?} a line, where user null is a client without a name, action is publish or receive, and expect is true or false; writes one verdict a line, in order: {"allowed","line","rule"}, or {"error"} for a line that is no question. Exit code 1 when an expectation is not met, 2 when the file does not load or a line is no question',
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
