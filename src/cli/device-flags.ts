import { USUAL_DIRECTORY } from './directory.ts'

export const DIR = {
  type: 'string',
  value: 'DIR',
  default: USUAL_DIRECTORY,
  help: 'the directory that init made',
} as const
export const DAYS = {
  type: 'string',
  value: 'N',
  default: '365',
  help: 'add, renew: days that the certificate is valid',
} as const
export const ALLOW = {
  type: 'string',
  multiple: true,
  value: 'FILTER',
  help: 'add, invite: allow the device to read and write the topics that match FILTER, by adding a line to the ACL file; "read FILTER" or "write FILTER" allows only one of them; can be repeated',
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
  help: 'invite: how long the invite is valid: 30m, 12h, 7d; at most 7d',
} as const
export const URL_FLAG = {
  type: 'string',
  value: 'URL',
  help: "invite: address of the enrol door for the device [a name or address in the gateway's certificate, with the port of WOTT_ENROL_LISTEN or 8444]",
} as const
export const REPLACE = {
  type: 'boolean',
  help: 'approve: also if the name already belongs to an active device; its certificate can then no longer be renewed',
} as const
export const REASON = {
  type: 'string',
  value: 'REASON',
  default: 'privilegeWithdrawn',
  help: 'revoke: reason for the revocation list and the ledger: keyCompromise, superseded, cessationOfOperation, privilegeWithdrawn or unspecified',
} as const
export const STORE_IN_USE = {
  type: 'string',
  value: 'DIR',
  help: 'list: folder of the store of the running gateway, which knows when each device was last seen [data in DIR]',
} as const
export const DEVICE_JSON_LINES = {
  type: 'boolean',
  help: 'invite, waiting, list: print one JSON object per line',
} as const
