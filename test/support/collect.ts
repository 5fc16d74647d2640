import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

/** Collects garbage at once, by default all of it. */
export const collect: (options?: { readonly type: 'minor' }) => void = runInNewContext('gc')
