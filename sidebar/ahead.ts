/**
 * The first script of the page, small and without a screen: it asks for all that the first card needs while the parts
 * that draw it are on their way.
 */
import { beginAhead } from './lib/beginning.ts'
import { followColorScheme } from './lib/scheme.ts'
import { silenceSdkRejections } from './lib/wecom.ts'

followColorScheme()
silenceSdkRejections()
beginAhead()
