/** Limits of an HTTP server that no test reaches by accident. */
export const HTTP_LIMITS = {
  settings: {
    requestTimeoutMs: 30_000,
    bytesPerExtraSecond: 4096,
    stallMs: 30_000,
    maxRequestsPerConnection: 100_000,
    strangerRequestRate: 100,
    inviteGuesses: 20,
    opsHosts: undefined,
  },
  onCut() {},
} as const
