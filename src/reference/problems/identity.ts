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
    means: 'the client certificate has expired',
    remedy: "issue a new one (`wott-gateway device renew`); also check the gateway's clock",
    detail:
      'The client certificate has expired: it was valid until Nov 24 08:00:00 2026 GMT. Get a new one.',
  },
  certificate_revoked: {
    means: 'the CA has revoked the client certificate',
    remedy: '`wott-gateway device add` again if that was a mistake',
    detail: 'The client certificate with serial number 5F1C0E9A has been revoked by its CA.',
  },
  certificate_untrusted: {
    means:
      'another CA issued the client certificate, or it is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT), or an intermediate is missing, or a CA has expired, or the revocation list of the CA has expired (CRL_HAS_EXPIRED), or `WOTT_CRL_FILE` contains no list of the CA that issued the certificate (UNABLE_TO_GET_CRL)',
    remedy:
      'compare `openssl x509 -noout -issuer` with `WOTT_CA_FILE`; sign the list again; put a list of each CA that issues devices into `WOTT_CRL_FILE`; check the clock, and `/readyz`, which names what has expired',
    detail:
      "The client certificate was not issued by the gateway's device CA (UNABLE_TO_VERIFY_LEAF_SIGNATURE).",
  },
  identity_unusable: {
    means: 'the subject of the certificate has no CN, two CNs, or one that is not a valid WoTT ID',
    remedy: 'change `WOTT_ID_PATTERN`, or use another certificate',
    detail: 'The client certificate has no valid WoTT ID: its subject has no CN.',
  },
  session_required: {
    means: 'a browser is not logged in',
    remedy: 'open the link of `wott-gateway viewer invite NAME`',
    detail: 'Open the link of an invite first: wott-gateway viewer invite NAME',
  },
  session_expired: {
    means: 'the session has expired',
    remedy: 'make a new link with `viewer invite`',
    detail: 'Your session has expired. Ask for a new invite.',
  },
  session_ended: {
    means: 'the session was logged out or revoked, or is unknown',
    remedy: 'make a new link with `viewer invite`',
    detail: 'Your session was ended. Ask for a new invite.',
  },
  invite_invalid: {
    means:
      "the link was used before, is older than 24 hours, or is unknown; or `viewer invite` wrote to another file than the gateway's `WOTT_VIEWERS_FILE`",
    remedy:
      'make a new link with `viewer invite`, with `--file` and the path in `WOTT_VIEWERS_FILE`',
    detail:
      'This invite is not valid: it was used before, has expired, or never existed. Ask for a new one: wott-gateway viewer invite NAME',
  },
  session_not_stored: {
    means: 'you are logged out, but this could not be stored',
    remedy:
      'free some space on the disk of `WOTT_VIEWERS_FILE`; the gateway then stores it. If it restarts before that, the session is valid again',
    detail: 'You are logged out, but this could not be stored yet.',
  },
  view_not_stored: {
    means: 'the view of this viewer could not be stored',
    remedy: 'free some space on the disk of `WOTT_VIEWERS_FILE`, and try again',
    detail: 'Your view could not be stored (disk is full). Try again later.',
  },
  origin_denied: {
    means:
      'the request came from a page of another site, or used a host name that the ops door does not accept',
    remedy: "open the page at the gateway's own address; for the ops door set `WOTT_OPS_HOSTS`",
    detail:
      'Pages of https://elsewhere.example are not allowed to make requests for the user of this browser.',
  },
} satisfies Record<string, Described>
