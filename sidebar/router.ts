import { computed, ref } from 'vue'

/**
 * The places of the sidebar, told by the address's hash: WeCom signs the address without it, and with any other history
 * each page would be signed anew. Five places, none within another, are all there is: a router of its own size.
 */
export type Place =
  | { name: 'subject' | 'share' | 'earnings' | 'tasks' }
  /** A customer beside whom no chat is open. */
  | { name: 'customer'; externalUserid: string }

/** WeCom's sign-in leaves a hash of its own behind, `#wechat_redirect`: that is where one begins. */
const readPath = () => (location.hash.startsWith('#/') ? location.hash.slice(1).split('?')[0]! : '/')

/** Where we are: `/`, `/share`, … */
export const path = ref(readPath())
export const place = computed<Place>(() => {
  const [, first = '', second] = path.value.split('/')
  if (first === 'share' || first === 'earnings' || first === 'tasks') return { name: first }
  if (first === 'customers' && second) return { name: 'customer', externalUserid: decode(second) }
  return { name: 'subject' }
})

/** An address that somebody typed may hold a lone percent sign. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Follows the address, also where the web view's own buttons change it. */
export function followAddress(): void {
  window.addEventListener('hashchange', () => {
    path.value = readPath()
    window.scrollTo(0, 0)
  })
}

/** Goes there; `isInstead`: without a step to come back to, as between tabs. */
export function go(to: string, isInstead = false): void {
  if (isInstead) location.replace(`#${to}`)
  else location.hash = to
}
