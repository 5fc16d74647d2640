import { join } from 'node:path'
import { derived, section, setting } from '../setting.ts'
import { idPattern } from '../values/id-pattern.ts'
import { cipherList } from '../values/network.ts'
import { choice, integer, path } from '../values/plain.ts'

/** What devices and the gateway prove themselves with: `config.trust`. */
export const TRUST_SETTINGS = section('Certificates', 'identity.md', {
  certsDir: setting(
    'certsDir',
    path,
    '/opt/wott/certs',
    'folder with ca.crt, client.crt and client.key (the layout of the WoTT agent)',
  ),
  caFile: derived(
    'caFile',
    path,
    (value) => join(value('certsDir'), 'ca.crt'),
    'CA certificates that sign device certificates: a file, or a folder prepared with "openssl rehash" [ca.crt in WOTT_CERTS_DIR]',
  ),
  certFile: derived(
    'certFile',
    path,
    (value) => join(value('certsDir'), 'client.crt'),
    "the gateway's own certificate, followed by its chain [client.crt in WOTT_CERTS_DIR]",
  ),
  keyFile: derived(
    'keyFile',
    path,
    (value) => join(value('certsDir'), 'client.key'),
    "the gateway's private key [client.key in WOTT_CERTS_DIR]",
  ),
  crlFile: setting(
    'crlFile',
    path,
    undefined,
    'certificate revocation lists (PEM or DER) of every CA that issues device certificates; if not set, revocation is not checked',
  ),
  crlExpired: setting(
    'crlExpired',
    choice('refuse', 'allow'),
    'refuse',
    'what happens when a revocation list has expired: refuse every device of its CA, or allow (keep using the list)',
  ),
  tlsVersion: setting(
    'tlsVersion',
    choice('1.2', '1.3'),
    '1.2',
    'lowest TLS version accepted on every door',
  ),
  ciphers: setting(
    'ciphers',
    cipherList,
    undefined,
    "TLS cipher suites for every door: OpenSSL names, separated by colons [Node's default list]",
  ),
  idPattern: setting(
    'idPattern',
    idPattern,
    '^[A-Za-z0-9][A-Za-z0-9._-]*$',
    'regular expression that a WoTT ID (the certificate CN) must match; no backreferences or lookarounds',
  ),
  rememberedCertificates: setting(
    'rememberedCertificates',
    integer(1, 1_000_000),
    '10000',
    'number of verified client certificates that are remembered, so that they are not verified again for each connection (behind a proxy: for each request)',
  ),
})
