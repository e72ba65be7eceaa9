import type { Static } from 'typebox'
import type { BindingBody, PolicyInForce } from '../../../server/features/bindings/schema.ts'
import type { BrandSetup, Examination } from '../../../server/features/doctor/schema.ts'
import type { SettingsBody, ShownSettings } from '../../../server/features/messages/schema.ts'
import type { Questionnaire, QuestionnaireBody } from '../../../server/features/profiles/schema.ts'
import type { VisibilityBody } from '../../../server/features/visibility/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

export type AskedFields = Static<typeof Questionnaire>
export type Policy = Static<typeof PolicyInForce>

/** The calls of the settings page: one to read and one to tell, section by section. */
export const calls = {
  readQuestionnaire: (signal?: AbortSignal) => api.get<AskedFields>('/settings/questionnaire', {}, signal),
  tellQuestionnaire: (body: QuestionnaireBody) => api.put<AskedFields>('/settings/questionnaire', body),
  readBinding: (signal?: AbortSignal) => api.get<Policy>('/settings/binding', {}, signal),
  tellBinding: (body: BindingBody) => api.put<unknown>('/settings/binding', body),
  readVisibility: (signal?: AbortSignal) => api.get<VisibilityBody>('/settings/visibility', {}, signal),
  tellVisibility: (body: VisibilityBody) => api.put<VisibilityBody>('/settings/visibility', body),
  readMessages: (signal?: AbortSignal) => api.get<ShownSettings>('/settings/messages', {}, signal),
  tellMessages: (body: SettingsBody) => api.put<ShownSettings>('/settings/messages', body),
  readBrand: (signal?: AbortSignal) => api.get<BrandSetup>('/settings/brand', {}, signal),
  examine: (signal?: AbortSignal) => api.get<Examination>('/settings/doctor', {}, signal),
}
