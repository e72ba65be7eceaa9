import type { Static } from 'typebox'
import type {
  CompletionPage,
  ListAnswer,
  PreviewBody,
  RulePreview,
  StoreCompletionPage,
  TaskRule,
  TaskRuleBody,
  TaskRulePage,
  TaskRulePatch,
} from '../../../server/features/task-rules/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

/** The calls of the tasks page. */
export const calls = {
  readRules: (cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Static<typeof TaskRulePage>>('/task-rules', { cursor, limit: 50 }, signal),
  readCompletion: (ruleId: string, cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Static<typeof CompletionPage>>(`/task-rules/${ruleId}/completion`, { cursor, limit: 100 }, signal),
  readStore: (ruleId: string, storeCode: string, signal?: AbortSignal) =>
    api.get<Static<typeof StoreCompletionPage>>(
      `/task-rules/${ruleId}/completion/${encodeURIComponent(storeCode)}`,
      { limit: 200 },
      signal,
    ),
  create: (body: TaskRuleBody) => api.post<TaskRule>('/task-rules', body),
  change: (ruleId: string, patch: TaskRulePatch) => api.patch<TaskRule>(`/task-rules/${ruleId}`, patch),
  end: (ruleId: string) => api.delete<TaskRule>(`/task-rules/${ruleId}`),
  list: (ruleId: string, memberNos: readonly string[]) =>
    api.put<ListAnswer>(`/task-rules/${ruleId}/members`, { memberNos }),
  preview: (body: PreviewBody) => api.post<RulePreview>('/task-rules/preview', body),
}
