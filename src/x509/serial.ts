/** A serial number's DER content as Node's `X509Certificate.serialNumber` prints it: upper-case hexadecimal in whole bytes. */
export function toSerial(content: Uint8Array): string {
  return Buffer.from(content)
    .toString('hex')
    .toUpperCase()
    .replace(/^(?:00)+(?=..)/, '')
}
