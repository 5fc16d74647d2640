import { USUAL_DIRECTORY } from './directory.ts'

export const DIR = {
  type: 'string',
  value: 'DIR',
  default: USUAL_DIRECTORY,
  help: 'where init made the CA',
} as const
export const DAYS = {
  type: 'string',
  value: 'N',
  default: '365',
  help: 'add, renew: how long the certificate is valid',
} as const
export const ALLOW = {
  type: 'string',
  multiple: true,
  value: 'FILTER',
  help: 'add, invite: let the device read and write what the topic filter covers: writes the line into the ACL file; "read FILTER" or "write FILTER" for one of them; may be given again',
} as const
export const DEVICE_ACL_FILE = {
  type: 'string',
  value: 'FILE',
  help: 'add, invite: the ACL file [WOTT_ACL_FILE, else permission.acl in DIR]',
} as const
export const TTL = {
  type: 'string',
  value: 'TIME',
  default: '1h',
  help: 'invite: how long it may be used: 30m, 12h, 7d; at most 7d',
} as const
export const URL_FLAG = {
  type: 'string',
  value: 'URL',
  help: "invite: where the device reaches the enrol door [a name or address in the gateway's certificate, and the port of WOTT_ENROL_LISTEN or 8444]",
} as const
export const REPLACE = {
  type: 'boolean',
  help: 'approve: also where the name has an active device, whose certificate is then superseded',
} as const
export const REASON = {
  type: 'string',
  value: 'REASON',
  default: 'privilegeWithdrawn',
  help: 'revoke: keyCompromise, superseded, cessationOfOperation, privilegeWithdrawn or unspecified, for the revocation list and the ledger',
} as const
export const STORE_IN_USE = {
  type: 'string',
  value: 'DIR',
  help: 'list: the store of the gateway that is asked when devices were last seen [data in the folder of the CA]',
} as const
export const DEVICE_JSON_LINES = {
  type: 'boolean',
  help: 'invite, waiting, list: one JSON object a line',
} as const
