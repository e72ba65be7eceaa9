/**
 * Lets Node.js run our TypeScript as it is built: types taken away, nothing added. (tsx names every function as it is
 * made; in a hot loop that costs more than the loop, and a bench would measure it.) Worker threads inherit it.
 */
import { register } from 'node:module'

register('./typescript-hooks.mjs', import.meta.url)
