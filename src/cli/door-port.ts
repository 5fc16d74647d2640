import { environmentName, SETTINGS } from '../config/schema.ts'

/** The port at which the settings in this environment have a door; its usual port if they have none, as with `off` or port 0. */
export function listenPort(name: 'viewerListen' | 'enrolListen'): string {
  const usual = SETTINGS[name].fallback as string
  return portIn(process.env[environmentName(name)] ?? '') ?? (portIn(usual) as string)
}

function portIn(listen: string): string | undefined {
  return /:([1-9]\d{0,4})$/.exec(listen)?.[1]
}
