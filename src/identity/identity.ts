/** A device as its certificate names it, read once per connection. */
export interface Identity {
  /** The WoTT ID: the certificate subject's only CN. */
  readonly id: string
  /** Serial number in upper-case hexadecimal, as `openssl x509 -serial` prints it. */
  readonly serial: string
  /** SHA-256 of the certificate's DER, upper-case hexadecimal with colons. */
  readonly fingerprint256: string
  /** End of validity, in milliseconds since the Unix epoch. */
  readonly notAfter: number
}
