import { gcp, rfc9440 } from './byte-sequence.ts'
import { alb, nginx } from './escaped-pem.ts'
import type { ProxyFormat } from './format.ts'
import { azure, cloudflare } from './plain-base64.ts'
import { traefik } from './traefik.ts'
import { xfcc } from './xfcc.ts'

/** Every format that comes in headers, by its name in WOTT_PROXY_IDENTITY. */
export const PROXY_FORMATS = {
  rfc9440,
  xfcc,
  nginx,
  traefik,
  alb,
  cloudflare,
  gcp,
  azure,
} satisfies Record<string, ProxyFormat>

export type FormatName = keyof typeof PROXY_FORMATS
