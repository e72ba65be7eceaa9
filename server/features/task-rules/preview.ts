import type { Db } from '../../database.ts'
import { dayOf, type Instant } from '../../lib/time.ts'
import { addDays, bearerOf, changesFor, withinCaps } from './domain.ts'
import { factsOf } from './making.ts'
import { selectLivingRules, selectMemberNos, type RuleRow } from './queries.ts'
import type { RulePreview } from './schema.ts'

const MEMBERS_PER_PAGE = 500
/** Somebody waits for the answer: what was not looked at by then is said. */
const LOOK_MS = 4_000

/** What a rule would make on the coming night, beside the others that are in force. */
export async function previewRule(
  db: Db,
  options: { brandId: number; zone: string; rule: RuleRow; now: Instant; clock: () => Instant },
): Promise<RulePreview> {
  const { brandId, zone, rule, now, clock } = options
  const day = addDays(dayOf(now, zone), 1)
  const others = (await selectLivingRules(db, { brandId })).filter(other => other.ruleId !== rule.ruleId)
  const rules = [...others, { ...rule, isOn: true }]
  const counts = new Map<string, number>()
  const bearers = new Set<string>()
  const preview = { day, tasks: 0, associates: 0, nobodys: 0, waiting: 0, looked: 0, isWhole: false }
  for (let after: string | null = ''; after !== null;) {
    const memberNos: string[] = await selectMemberNos(db, { brandId, after, limit: MEMBERS_PER_PAGE })
    const facts = memberNos.length === 0 ? [] : await factsOf(db, { brandId, zone, now, memberNos })
    const wanted = facts
      .flatMap(one => changesFor(one, rules, day).make ?? [])
      .filter(task => task.rule.ruleId === rule.ruleId)
    const made = withinCaps(wanted, counts)
    for (const { facts: of } of made) bearers.add(bearerOf(of))
    preview.tasks += made.length
    preview.waiting += wanted.length - made.length
    preview.nobodys += made.filter(task => task.facts.associateId === null).length
    preview.looked += memberNos.length
    preview.isWhole = memberNos.length < MEMBERS_PER_PAGE
    after = preview.isWhole || clock() - now > LOOK_MS ? null : memberNos.at(-1)!
  }
  return { ...preview, associates: [...bearers].filter(bearer => !bearer.startsWith('@')).length }
}
