/** Limits of an HTTP server that no test reaches by accident. */
export const HTTP_LIMITS = {
  settings: {
    requestTimeout: 30,
    requestRate: 4096,
    streamStall: 30,
    maxRequestsPerConnection: 100_000,
    strangerRequestRate: 100,
    inviteGuesses: 20,
  },
  onCut() {},
} as const
