export const DAY_MS = 86_400_000

/** How far certificates and CRLs are backdated: a board without a clock battery starts with a clock that is late. */
export const CLOCK_SKEW_MS = 5 * 60_000
