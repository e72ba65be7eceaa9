import { buildSidebar } from './support.ts'

/** One build for all files of browser tests. */
export const setup = () => buildSidebar()
