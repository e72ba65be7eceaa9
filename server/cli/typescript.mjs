/**
 * Lets Node.js run our TypeScript as it is built: types taken away, nothing added. (tsx names every function as it is
 * made; where orders are decided by the thousand that costs more than deciding them.) Worker threads inherit it.
 */
import { register } from 'node:module'

register('./typescript-hooks.mjs', import.meta.url)
