/** Who looks, and what the ACL file lets them read. */
export interface Viewer {
  readonly id: string
  readonly expires: string
  readonly kind: 'certificate' | 'invite'
  /** The query of what they see first, empty for everything; only who was invited has one. */
  readonly view?: string
  readonly rules: readonly { readonly access: string; readonly topic: string }[]
}

/** Why there is nothing to see: one of the gateway's codes, or `unreachable`. */
export interface Refusal {
  readonly code: string
  readonly message: string
}

export function isRefusal(answer: Viewer | Refusal): answer is Refusal {
  return 'code' in answer
}

/** Trades the invite in the address, if there is one, and asks who that makes us. */
export async function enter(): Promise<Viewer | Refusal> {
  const code = new URLSearchParams(location.hash.slice(1)).get('invite')
  if (code !== null) {
    // so that neither the history nor a bookmark keeps the code
    history.replaceState(null, '', location.pathname + location.search)
    // another site's link must not log the reader in as somebody else without asking
    const before = await whoIs()
    if (
      !isRefusal(before) &&
      !confirm(`You are logged in as ${before.id}. Use this invite instead?`)
    )
      return before
    const traded = await ask('/session', { method: 'POST', body: JSON.stringify({ code }) })
    // whoever is logged in may open their old link again
    if ('code' in traded) {
      const known = await whoIs()
      return isRefusal(known) ? (traded as Refusal) : known
    }
  }
  return whoIs()
}

export async function whoIs(): Promise<Viewer | Refusal> {
  const session = await ask('/session')
  if ('code' in session) return session as Refusal
  const whoami = await ask('/whoami')
  if ('code' in whoami) return whoami as Refusal
  return { ...session, ...whoami } as unknown as Viewer
}

export async function leave(): Promise<void> {
  await ask('/session', { method: 'DELETE' })
}

/** Has the gateway keep the query of what this viewer sees first. Resolves to why it does not, or null. */
export async function storeView(view: string): Promise<Refusal | null> {
  const answer = await ask('/view', { method: 'PUT', body: JSON.stringify({ view }) })
  return 'code' in answer ? (answer as Refusal) : null
}

async function ask(
  path: string,
  init: RequestInit = {},
): Promise<Refusal | Record<string, unknown>> {
  try {
    const response = await fetch(path, init)
    return response.status === 204 ? {} : ((await response.json()) as Record<string, unknown>)
  } catch {
    return { code: 'unreachable', message: 'The gateway does not answer.' }
  }
}
