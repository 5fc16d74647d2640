import type { Described } from './described.ts'

/** Problems with who sends a request. */
export const IDENTITY = {
  certificate_required: {
    means: 'no client certificate was sent',
    remedy: '`curl --cert client.crt --key client.key`; a proxy in between must pass TLS through',
    detail:
      'No client certificate was sent. Send the certificate of this device, for example with curl --cert client.crt --key client.key.',
  },
  certificate_expired: {
    means: 'the time of the client certificate is over',
    remedy: "issue a new one (`wott-gateway device renew`); look at the gateway's clock too",
    detail:
      'The client certificate was valid until Nov 24 08:00:00 2026 GMT. Have a new one issued.',
  },
  certificate_revoked: {
    means: 'the CA has taken the client certificate back',
    remedy: '`wott-gateway device add` again if that was a mistake',
    detail: 'The client certificate with serial number 5F1C0E9A has been revoked by its CA.',
  },
  certificate_untrusted: {
    means:
      'another CA issued the client certificate, or it is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT), or an intermediate is missing, or a CA has expired, or the revocation list of the CA is out of date (CRL_HAS_EXPIRED), or `WOTT_CRL_FILE` holds none of the CA that issued the certificate (UNABLE_TO_GET_CRL)',
    remedy:
      'compare `openssl x509 -noout -issuer` with `WOTT_CA_FILE`; have the list signed anew; put a list of each CA that issues devices into `WOTT_CRL_FILE`; look at the clock, and at `/readyz`, which names what is out of date',
    detail:
      "The client certificate does not descend from the gateway's device CA as it must (UNABLE_TO_VERIFY_LEAF_SIGNATURE).",
  },
  identity_unusable: {
    means: "the certificate's subject has no CN, two, or one that is no WoTT ID",
    remedy: '`WOTT_ID_PATTERN`, or another certificate',
    detail: 'The client certificate names no usable WoTT ID: its subject has no CN.',
  },
  session_required: {
    means: 'a browser is not logged in',
    remedy: 'open the link of `wott-gateway viewer invite NAME`',
    detail: 'Open the link of an invite first: wott-gateway viewer invite NAME',
  },
  session_expired: {
    means: 'the time of a session is over',
    remedy: 'a new link from `viewer invite`',
    detail: 'Your session has expired. Ask for a new invite.',
  },
  session_ended: {
    means: 'a session was logged out, revoked, or is none of ours',
    remedy: 'a new link from `viewer invite`',
    detail: 'Your session was ended. Ask for a new invite.',
  },
  invite_invalid: {
    means:
      "a link was used before, is older than 24 hours or is not ours; or `viewer invite` wrote another viewers file than the gateway's `WOTT_VIEWERS_FILE`",
    remedy: 'a new link from `viewer invite`, with `--file` and the path in `WOTT_VIEWERS_FILE`',
    detail:
      'This invite is not valid: it was used before, has expired, or never existed. Ask for a new one: wott-gateway viewer invite NAME',
  },
  session_not_stored: {
    means: 'you are logged out, but the disk did not take that',
    remedy:
      'make room on the disk of `WOTT_VIEWERS_FILE`: the gateway stores it then, and until it does a restart would open the session again',
    detail: 'You are logged out, but that is not on the disk yet.',
  },
  view_not_stored: {
    means: 'the disk did not take what this viewer wants to see first',
    remedy: 'make room on the disk of `WOTT_VIEWERS_FILE`, and try again',
    detail: 'Your view could not be stored (disk is full). Try again later.',
  },
  origin_denied: {
    means:
      'a page of another site asked, or the ops door was asked under a name that is not one of its own',
    remedy: "open the page under the gateway's own address; `WOTT_OPS_HOSTS`",
    detail:
      'Pages of https://elsewhere.example may not speak in the name of who uses this browser.',
  },
} satisfies Record<string, Described>
