import { ReasonCodes } from 'mqtt'

/** What PUBACK, SUBACK and DISCONNECT have in common. */
export interface ReasonPacket {
  readonly reasonCode?: number | undefined
  readonly properties?: { readonly reasonString?: string | undefined } | undefined
}

/** The name of the reason code, and the gateway's sentence for it where it sent one. */
export function reasonText({ reasonCode = 0, properties }: ReasonPacket): string {
  const names: Readonly<Record<number, string>> = ReasonCodes
  const name = names[reasonCode] || `reason code ${reasonCode}`
  const sentence = plain(properties?.reasonString ?? '')
  return sentence === '' ? name : `${name}: ${sentence}`
}

/** More of a sentence nobody reads; a broker may send 65,535 bytes, over which the pattern below takes seconds. */
const LONGEST_SENTENCE = 1_000

/** Without its full stop and the clauses of MQTT, which mean something to those who write clients. */
function plain(sentence: string): string {
  return sentence
    .slice(0, LONGEST_SENTENCE)
    .replaceAll(/ *\[MQTT[^\]]*\]/g, '')
    .trim()
    .replace(/\.$/, '')
}
