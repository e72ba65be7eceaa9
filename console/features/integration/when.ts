import { formatAgo, formatMoment } from '../../../sidebar/lib/format.ts'
import { locale } from '../../../sidebar/lib/locale.ts'
import { useStartStore } from '../../stores/start.ts'

/** Instants in the brand's zone. */
export function useWhen() {
  const { session } = useStartStore()
  const now = () => new Date().toISOString()
  return {
    /** 12 分钟前 */
    ago: (instant: string) => formatAgo(instant, session.timeZone, locale.value, now()),
    /** 3 月 2 日 12:04 */
    moment: (instant: string) => formatMoment(instant, session.timeZone, locale.value, now()),
  }
}
