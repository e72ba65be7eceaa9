import type { Static } from 'typebox'
import type {
  BacktestPage,
  BacktestQuery,
  BacktestResult,
  JobState,
} from '../../../server/features/commissions/schema.ts'
import type {
  ChoiceKind,
  ChoiceList,
  Draft,
  DraftBody,
  DraftPage,
  PlanCheck,
  SupposedOrder,
  Trial,
} from '../../../server/features/plan-drafts/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'
import type { DraftPlan, PublishedPlan } from './plan.ts'

export type { ChoiceKind, Draft, PlanCheck, SupposedOrder, Trial }
export type PlanFault = PlanCheck['faults'][number]
export type Job = JobState
export type Result = BacktestResult
export type Backtest = Static<typeof BacktestPage>['items'][number]

export interface Published {
  code: string
  version: number
  warnings: { code: string; month: string; message: string }[]
  /** Where orders are re-booked. */
  jobId?: string
}

const part = encodeURIComponent
const draftPath = (name: string) => `/plans/drafts/${part(name)}`

/** The calls of the plan pages. */
export const calls = {
  /** All of them: which one is in force follows from all. */
  async readPlans(signal?: AbortSignal): Promise<PublishedPlan[]> {
    const plans: PublishedPlan[] = []
    for (let cursor: string | undefined; ;) {
      const page: { items: PublishedPlan[]; nextCursor: string | null } = await api.get(
        '/plans',
        { limit: 200, cursor },
        signal,
      )
      plans.push(...page.items)
      if (page.nextCursor === null) return plans
      cursor = page.nextCursor
    }
  },
  readDrafts: (cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Static<typeof DraftPage>>('/plans/drafts', { cursor }, signal),
  readDraft: (name: string, signal?: AbortSignal) => api.get<Draft>(draftPath(name), {}, signal),
  saveDraft: (name: string, body: DraftBody) => api.put<Draft>(draftPath(name), body),
  deleteDraft: (name: string, revision: number) => api.delete(`${draftPath(name)}?revision=${revision}`),
  validate: (plan: DraftPlan) => api.post<PlanCheck>('/plans/validate', plan),
  readChoices: async (kind: ChoiceKind, search: string) =>
    (await api.get<ChoiceList>(`/plans/choices/${kind}`, { search })).items,
  tryOrder: (plan: DraftPlan, on: { order: { source: string; orderNo: string } } | { supposed: SupposedOrder }) =>
    api.post<Trial>('/plans/trial', { plan, ...on }),
  startBacktest: (plan: DraftPlan, span: { from: string; to: string }) =>
    api.post<{ jobId: string }>('/plans/backtest', { plan, ...span }),
  readBacktests: (where: BacktestQuery, signal?: AbortSignal) =>
    api.get<Static<typeof BacktestPage>>('/plans/backtests', { ...where }, signal),
  readJob: (jobId: string, signal?: AbortSignal) => api.get<Job>(`/jobs/${jobId}`, {}, signal),
  cancelJob: (jobId: string) => api.delete<Job>(`/jobs/${jobId}`),
  publish: (plan: DraftPlan, isRetroactive: boolean) =>
    api.post<Published>('/plans', { ...plan, ...(isRetroactive ? { retroactive: true } : {}) }),
}
