import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib'
import { GatewayError } from '../errors.ts'

/** The content codings of bodies that are decoded (RFC 9110 §8.4.1). */
const CODINGS = ['gzip', 'deflate'] as const
export type Coding = (typeof CODINGS)[number]

/** Bytes that are decoded in one step. */
const CHUNK_BYTES = 16_384

/** Memory of a decoder at work: its window, its tables and its last output. */
export const DECODER_BYTES = 65_536

/** The coding of a `Content-Encoding`; null for none. Returns a refusal for a coding that is not supported. */
export function codingIn(
  header: string | undefined,
  isDecoded: boolean,
): Coding | null | GatewayError {
  const name = header?.trim().toLowerCase() ?? 'identity'
  if (name === 'identity' || name === '') return null
  // RFC 9110 §8.4.1.3
  const coding = CODINGS.find((known) => known === (name === 'x-gzip' ? 'gzip' : name))
  if (coding && isDecoded) return coding
  return new GatewayError(
    'content_encoding_unsupported',
    isDecoded
      ? `The Content-Encoding must be ${CODINGS.join(' or ')}, or none at all.`
      : 'This path does not accept a Content-Encoding.',
  )
}

/** Bytes after the end of the compressed data are an error. */
export function createDecoder(coding: Coding): Gunzip | Inflate {
  const options = { chunkSize: CHUNK_BYTES, rejectGarbageAfterEnd: true }
  return coding === 'gzip' ? createGunzip(options) : createInflate(options)
}

export function notEncoded(coding: Coding): GatewayError {
  return new GatewayError(
    'body_invalid',
    `The body is not valid ${coding}, which its Content-Encoding announces: it is damaged, truncated, or has data after its end.`,
  )
}
