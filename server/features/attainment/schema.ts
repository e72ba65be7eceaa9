import { Type, type Static } from 'typebox'
import { ListQuery } from '../../lib/list-query.ts'
import { OneOf } from '../../lib/schema.ts'
import { SummedUntil } from '../rollups/domain.ts'

const Month = Type.String({
  pattern: '^[0-9]{4}-(0[1-9]|1[0-2])$',
  description: 'YYYY-MM; the current one where absent.',
})

const whoseFields = {
  month: Type.Optional(Month),
  storeCode: Type.Optional(Type.String({ minLength: 1, description: 'This store, and who works there.' })),
  associate: Type.Optional(Type.String({ minLength: 1, description: 'This associate alone.' })),
  kind: Type.Optional(OneOf(['store', 'associate'], 'Only those.')),
  everyone: Type.Optional(OneOf(['true'], 'Stores, and who works in them, also where nobody has told a target.')),
  q: Type.Optional(
    Type.String({ minLength: 1, maxLength: 100, format: 'text', description: 'A part of the name or the key.' }),
  ),
}

export const AttainmentQuery = Type.Object({ ...ListQuery, ...whoseFields }, { additionalProperties: false })
export type AttainmentQuery = Static<typeof AttainmentQuery>

export const AttainmentTotalsQuery = Type.Object(whoseFields, { additionalProperties: false })
export type AttainmentTotalsQuery = Static<typeof AttainmentTotalsQuery>

export const TargetQuery = Type.Object({ ...ListQuery, month: Type.Optional(Month) }, { additionalProperties: false })
export type TargetQuery = Static<typeof TargetQuery>

const text = () => Type.String()
const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) => Type.Union([schema, Type.Null()])

const subjectFields = {
  storeCode: Type.Optional(Type.String({ description: 'This, or associateId.' })),
  associateId: Type.Optional(text()),
  name: text(),
}

const AttainmentItem = Type.Object({
  ...subjectFields,
  store: nullable(Type.String({ description: 'Of an associate: where he works; null for a store.' })),
  targetFen: nullable(Type.Integer({ description: 'Net sales to reach, as last told; null: not told.' })),
  netSalesFen: Type.Integer({ description: 'Of a store what it sold, of an associate what he shared or closed.' }),
  attainmentBps: nullable(Type.Integer({ description: 'Net sales / target; null over 0.' })),
  monthGoneBps: Type.Integer({ description: 'How much of the month is gone.' }),
  expectedFen: nullable(Type.Integer({ description: 'The target for as much of the month as is gone.' })),
  attainmentOfMonthGoneBps: nullable(Type.Integer({ description: 'Net sales / expected; null over 0.' })),
})
export type AttainmentItem = Static<typeof AttainmentItem>

export const AttainmentPage = Type.Object({
  month: text(),
  items: Type.Array(AttainmentItem),
  nextCursor: nullable(text()),
  ...SummedUntil,
})

const Total = Type.Object({
  count: Type.Integer({ description: 'Who is listed.' }),
  targetCount: Type.Integer({ description: 'Who of them has a target.' }),
  targetFen: Type.Integer(),
  netSalesFen: Type.Integer({ description: 'Of those who have a target.' }),
  attainmentBps: nullable(Type.Integer()),
  expectedFen: Type.Integer(),
})

export const AttainmentTotals = Type.Object({
  month: text(),
  monthGoneBps: Type.Integer({ description: 'How much of the month is gone.' }),
  store: Total,
  associate: Total,
  ...SummedUntil,
})
export type AttainmentTotals = Static<typeof AttainmentTotals>
export type AttainmentPage = Static<typeof AttainmentPage>

export const TargetPage = Type.Object({
  month: text(),
  items: Type.Array(Type.Object({ ...subjectFields, netSalesFen: Type.Integer(), updatedAt: text() })),
  nextCursor: nullable(text()),
})
