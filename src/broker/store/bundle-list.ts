/** Bundles in the order of their ids. */
export interface BundleList<Bundle> {
  readonly size: number
  add(bundle: Bundle): void
  delete(bundle: Bundle): void
  at(index: number): Bundle | undefined
  /** The index of the first one whose id is above `id`. */
  after(id: number): number
  values(): Bundle[]
}

/** Empty places at the front before the array is compacted. */
const EMPTY_PLACES = 256

export function createBundleList<Bundle extends { readonly id: number }>(): BundleList<Bundle> {
  let bundles: Bundle[] = []
  let first = 0

  function after(id: number): number {
    let [low, high] = [first, bundles.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((bundles[middle] as Bundle).id > id) high = middle
      else low = middle + 1
    }
    return low - first
  }

  return {
    get size() {
      return bundles.length - first
    },
    add(bundle) {
      bundles.push(bundle)
    },
    delete(bundle) {
      const index = first + after(bundle.id - 1)
      if (bundles[index] !== bundle) return
      if (index > first) {
        bundles.splice(index, 1)
        return
      }
      first += 1
      if (first < EMPTY_PLACES || first * 2 < bundles.length) return
      bundles = bundles.slice(first)
      first = 0
    },
    at: (index) => bundles[first + index],
    after,
    values: () => bundles.slice(first),
  }
}
