/** Why there is no answer, and the seconds after which to ask again; null where asking again is no use. */
export interface Failure {
  readonly failure: string
  /** The gateway's own; null where it has not answered. */
  readonly code: string | null
  readonly retryAfter: number | null
}

const RETRY_SECONDS = 5

/** What the gateway answers to a GET. Rejects only when `signal` is aborted. */
export async function ask<T extends object>(
  url: string,
  signal?: AbortSignal,
): Promise<T | Failure> {
  try {
    const response = await fetch(url, signal ? { signal } : {})
    if (response.ok) return (await response.json()) as T
    const { code, message } = (await response.json()) as { code: string; message: string }
    const isPassing = response.status === 429 || response.status >= 500
    const seconds = Number(response.headers.get('retry-after')) || RETRY_SECONDS
    return { failure: message, code, retryAfter: isPassing ? seconds : null }
  } catch (error) {
    if (signal?.aborted) throw error
    return { failure: 'The gateway does not answer.', code: null, retryAfter: RETRY_SECONDS }
  }
}
