import { notPassedOn, type ProxyFormat } from './format.ts'
import { readEscapedPem, verifyProblem } from './pem.ts'

/** nginx: `$ssl_client_escaped_cert`, and `$ssl_client_verify`, which has to be SUCCESS. */
export const nginx: ProxyFormat = {
  headers: { certificate: 'x-ssl-client-cert', verify: 'x-ssl-client-verify' },
  isRenamed: true,
  // nginx leaves a header out whose value is empty
  read: ({ certificate = '', verify }) =>
    certificate === '' ? notPassedOn() : (verifyProblem(verify) ?? readEscapedPem(certificate)),
}

/** Application Load Balancer of AWS; its pass-through mode has a header without `-leaf`, with the whole chain. */
export const alb: ProxyFormat = {
  headers: { certificate: 'x-amzn-mtls-clientcert-leaf' },
  isRenamed: true,
  read: ({ certificate = '' }) =>
    certificate === '' ? notPassedOn() : readEscapedPem(certificate),
}
