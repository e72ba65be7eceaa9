/** How an end is told that nobody wanted: WeCom gave the customer to a colleague. */
export const BY_TRANSFER = 'transfer'
/** WeCom's end of one friendship and its beginning of the other are not the same second. */
export const HANDED_OVER_MS = 10 * 60_000
