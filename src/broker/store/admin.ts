import type { StoreInfo } from './sqlite-info.ts'

/** What an operator may ask of a store on disk while it is open. */
export interface StoreAdmin {
  info(): Promise<StoreInfo>
  /** Makes a consistent copy of the store at `file`, which is not there yet. */
  backup(file: string): Promise<void>
}
