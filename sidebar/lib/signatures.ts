import type { PageSignatures } from '../../server/features/session/schema.ts'

/**
 * The signatures of this page's address, kept while WeCom takes them: with them the SDK registers before anything was
 * asked. They are nobody's (an application, an address, a number), and good for nothing but this address.
 */
const storageKey = 'daogou.signatures'

interface Kept extends PageSignatures {
  /** By this device's clock. A wrong one costs a registration in vain, and new signatures are asked for. */
  until: number
}

/** What was kept for this very address and is still good; null where there is nothing. */
export function keptSignatures(url: string): PageSignatures | null {
  try {
    const kept = JSON.parse(localStorage.getItem(storageKey) ?? 'null') as Kept | null
    return kept && kept.url === url && Date.now() < kept.until ? kept : null
  } catch {
    return null
  }
}

export function keepSignatures(signatures: PageSignatures): void {
  try {
    const kept: Kept = { ...signatures, until: Date.now() + signatures.validSeconds * 1000 }
    localStorage.setItem(storageKey, JSON.stringify(kept))
  } catch {
    // Storage is off: they are asked for each time.
  }
}

export function forgetSignatures(): void {
  try {
    localStorage.removeItem(storageKey)
  } catch {
    // Storage is off.
  }
}
