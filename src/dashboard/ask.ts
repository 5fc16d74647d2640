/** Why there is no answer, and the seconds after which to ask again; null where asking again is no use. */
export interface Failure {
  readonly failure: string
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
    const { message } = (await response.json()) as { message: string }
    const isPassing = response.status === 429 || response.status >= 500
    const seconds = Number(response.headers.get('retry-after')) || RETRY_SECONDS
    return { failure: message, retryAfter: isPassing ? seconds : null }
  } catch (error) {
    if (signal?.aborted) throw error
    return { failure: 'The gateway does not answer.', retryAfter: RETRY_SECONDS }
  }
}
