import { setting } from '../setting.ts'
import { headerName, networks, proxyAddress } from '../values/network.ts'
import { choice, integer, path, text } from '../values/plain.ts'

/** Behind a proxy that ends mTLS. */
export const PROXY_SETTINGS = {
  proxyListen: setting(
    proxyAddress,
    'off',
    'proxy door: requests of devices whose mTLS ends in a trusted proxy. HTTPS with a client certificate of the proxy, or plain HTTP on a Unix socket that only this user and group can open [:PORT if WOTT_PROXY_TRUST=platform and PORT is set]',
  ),
  proxyTrust: setting(
    choice('certificate', 'platform'),
    'certificate',
    'how the gateway recognises the proxy over TCP: by its client certificate; or platform: not at all. With platform the door speaks HTTP without TLS, and anyone who can connect can impersonate any device, so the platform must let in only its own front end',
  ),
  proxyIdentity: setting(
    choice('rfc9440', 'xfcc', 'nginx', 'traefik', 'alb', 'cloudflare', 'gcp', 'azure', 'aws-apigw'),
    undefined,
    'format in which the proxy passes on the certificate of a device: rfc9440, xfcc, nginx, traefik, alb, cloudflare, gcp, azure, or aws-apigw (only in a function). The gateway verifies the certificate again (docs/behind-a-proxy.md)',
  ),
  proxyCertHeader: setting(
    headerName,
    undefined,
    'header with the certificate of the device, for formats that do not name it [nginx: x-ssl-client-cert, alb: x-amzn-mtls-clientcert-leaf]',
  ),
  proxyVerifyHeader: setting(
    headerName,
    undefined,
    "header with nginx's verification result [x-ssl-client-verify]",
  ),
  proxyChainHeader: setting(
    headerName,
    undefined,
    'header with the intermediate certificates that the device sent (format gcp)',
  ),
  proxyCaFile: setting(
    path,
    undefined,
    'CA certificates that sign the certificate of the proxy; must not be the CA of devices',
  ),
  proxyCrlFile: setting(
    path,
    undefined,
    'certificate revocation lists of the CA of the proxy; if not set, its revocation is not checked',
  ),
  proxyName: setting(text(1, 253), undefined, 'CN of the certificate of the proxy'),
  proxyAddresses: setting(
    networks,
    undefined,
    'addresses that the proxy may connect from, in addition to its certificate [any]',
  ),
  maxProxyConnections: setting(
    integer(1, 1_000_000),
    undefined,
    'maximum number of connections from the proxy; with HTTP/1.1 each request, stream and WebSocket needs one [WOTT_MAX_CONNECTIONS]',
  ),
} as const
