import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'

const ECDSA_P256 = { name: 'ECDSA', namedCurve: 'P-256' }

/** The algorithm that signs every certificate and CRL of the device CA. */
export const ECDSA_SHA256 = { name: 'ECDSA', hash: 'SHA-256' }

/** A new P-256 private key as PKCS #8 PEM, the form of the WoTT agent's `client.key`. */
export function generateKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** The key to sign with. Throws when `key` is not an unencrypted P-256 private key in PEM. */
export function toSigningKey(key: string): CryptoKey {
  return readKey(key).toCryptoKey(ECDSA_P256, false, ['sign'])
}

/** The public half, for a certificate. Throws as {@link toSigningKey} does. */
export function toPublicKey(key: string): CryptoKey {
  return createPublicKey(readKey(key)).toCryptoKey(ECDSA_P256, true, ['verify'])
}

function readKey(key: string): KeyObject {
  const object = createPrivateKey(key)
  if (object.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Error('the private key is not a P-256 key')
  return object
}
