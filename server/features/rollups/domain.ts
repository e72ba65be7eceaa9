import { Type } from 'typebox'

/** Whole days that figures are read from the sums of. */
export interface SummedDays {
  from: string
  to: string
  /** The last day of their months of whose month it is not summed yet what stores and associates have; null: there is none. */
  monthlessUntil: string | null
  /** How many days after them, in the month of the last, have any sums: so much it takes to leave those out of the month. */
  daysAfter: number
}

/** What every answer says whose figures may be read from sums. */
export const SummedUntil = {
  summedUntil: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
    description:
      'null: all that was told until some seconds ago is in the figures. Otherwise what was told until then is, and the rest is still being added up: of more than 20,000 orders, in a brand of a million of more than 5,000, after much came at once.',
  }),
}
