import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib'
import { GatewayError } from '../errors.ts'

/** What a body may be compressed with (RFC 9110 §8.4.1). */
export const CODINGS = ['gzip', 'deflate'] as const
export type Coding = (typeof CODINGS)[number]

/** Bytes that are decoded at once. */
const CHUNK_BYTES = 16_384

/** What a decoder takes while it is at work: its window, its tables and what it has decoded last. */
export const DECODER_BYTES = 65_536

/** The coding that a `Content-Encoding` names; null for none. Returns a refusal where it is none that is decoded here. */
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

/** What is left after the end of the compressed bytes is an error. */
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
