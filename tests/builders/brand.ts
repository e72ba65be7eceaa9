/** A small brand as items of the ingest calls: two stores of its own, and two franchisees with one each. */

export const NOW = Date.parse('2026-05-20T12:00:00+08:00') // a Wednesday
export const at = (text: string): string => new Date(Date.parse(`${text}+08:00`)).toISOString()
export const minutesAgo = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString()
export const daysAgo = (days: number): string => minutesAgo(days * 24 * 60)

const associate = (associateId: string, storeCode: string | undefined, more: object = {}) => ({
  associateId,
  name: `导购 ${associateId}`,
  ...(storeCode === undefined ? { kind: 'office' } : { storeCode }),
  activeFrom: at('2025-01-01T00:00:00'),
  ...more,
})

/** a… work in the stores: a1, a2 and the manager of S1; a3 and the manager of S2; f… with the franchisees. */
export const brand = {
  stores: [
    { storeCode: 'S1', name: '静安店', type: 'direct' },
    { storeCode: 'S2', name: '徐汇店', type: 'direct' },
    { storeCode: 'S3', name: '苏州加盟店', type: 'franchise', franchiseeId: 'F1' },
    { storeCode: 'S4', name: '杭州加盟店', type: 'franchise', franchiseeId: 'F2' },
  ],
  associates: [
    associate('a1', 'S1'),
    associate('a2', 'S1'),
    associate('a3', 'S2'),
    associate('leaver', 'S1', { activeTo: at('2026-04-01T00:00:00') }),
    associate('f1', 'S3'),
    associate('f2', 'S4'),
    associate('manager1', 'S1', { role: 'manager' }),
    associate('manager2', 'S2', { role: 'manager' }),
    associate('franchisee1', 'S3', { role: 'franchisee', franchiseeId: 'F1' }),
    associate('franchisee2', 'S4', { role: 'franchisee', franchiseeId: 'F2' }),
    associate('boss', undefined, { role: 'headquarters' }),
    associate('auditor', undefined, { role: 'auditor' }),
  ],
}

/** The plan of docs/commission.md, in force from the beginning of the year. */
export const standardPlan = {
  code: 'standard',
  version: 1,
  effectiveFrom: at('2026-01-01T00:00:00'),
  effectiveTo: null,
  attribution: { model: 'last_touch', windowDays: 15 },
  holdDays: 7,
  sameAssociate: 'sum',
  lineCapBps: 1200,
  rules: [
    {
      id: 'share-shoes',
      role: 'sharer',
      when: { channels: ['online'], categories: ['shoes'] },
      rateBps: 600,
      bearer: 'headquarters',
    },
    { id: 'share', role: 'sharer', when: {}, rateBps: 400, bearer: 'headquarters' },
    { id: 'till', role: 'closer', when: { channels: ['in_store'] }, rateBps: 300, bearer: 'selling_store' },
    { id: 'care', role: 'attributed', when: {}, rateBps: 100, bearer: 'home_store' },
  ],
  monthlyTiers: {
    roles: ['sharer', 'closer'],
    mode: 'marginal',
    bearer: 'headquarters',
    steps: [
      { fromFen: 0, rateBps: 0 },
      { fromFen: 5_000_000, rateBps: 50 },
    ],
  },
  retroactive: true,
}
