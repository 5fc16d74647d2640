import { derived, section, setting } from '../setting.ts'
import { headerName, networks } from '../values/network.ts'
import { choice, integer, path, text } from '../values/plain.ts'

/** The proxy in front of the proxy door: `config.proxy`. */
export const PROXY_SETTINGS = section('Behind a proxy that ends mTLS', 'behind-a-proxy.md', {
  trust: setting(
    'proxyTrust',
    choice('certificate', 'platform'),
    'certificate',
    'how the gateway recognises the proxy over TCP: by its client certificate; or platform: not at all. With platform the door speaks HTTP without TLS, and anyone who can connect can impersonate any device, so the platform must let in only its own front end',
  ),
  format: setting(
    'proxyIdentity',
    choice('rfc9440', 'xfcc', 'nginx', 'traefik', 'alb', 'cloudflare', 'gcp', 'azure', 'aws-apigw'),
    undefined,
    'format in which the proxy passes on the certificate of a device: rfc9440, xfcc, nginx, traefik, alb, cloudflare, gcp, azure, or aws-apigw (only in a function). The gateway verifies the certificate again (docs/behind-a-proxy.md)',
  ),
  headers: {
    certificate: setting(
      'proxyCertHeader',
      headerName,
      undefined,
      'header with the certificate of the device, for formats that do not name it [nginx: x-ssl-client-cert, alb: x-amzn-mtls-clientcert-leaf]',
    ),
    verify: setting(
      'proxyVerifyHeader',
      headerName,
      undefined,
      "header with nginx's verification result [x-ssl-client-verify]",
    ),
    chain: setting(
      'proxyChainHeader',
      headerName,
      undefined,
      'header with the intermediate certificates that the device sent (format gcp)',
    ),
  },
  caFile: setting(
    'proxyCaFile',
    path,
    undefined,
    'CA certificates that sign the certificate of the proxy; must not be the CA of devices',
  ),
  crlFile: setting(
    'proxyCrlFile',
    path,
    undefined,
    'certificate revocation lists of the CA of the proxy; if not set, its revocation is not checked',
  ),
  name: setting('proxyName', text(1, 253), undefined, 'CN of the certificate of the proxy'),
  addresses: setting(
    'proxyAddresses',
    networks,
    undefined,
    'addresses that the proxy may connect from, in addition to its certificate [any]',
  ),
  maxConnections: derived(
    'maxProxyConnections',
    integer(1, 1_000_000),
    (value) => value('maxConnections'),
    'maximum number of connections from the proxy; with HTTP/1.1 each request, stream and WebSocket needs one [WOTT_MAX_CONNECTIONS]',
  ),
})
