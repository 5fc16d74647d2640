/** The files of the dashboard, in `src/` or, in the built package, in `dist/`. */
export const DASHBOARD = new URL('./dashboard/', import.meta.url)
/** The API references, beside both. */
export const DOCUMENTS = new URL('../openapi/', import.meta.url)
