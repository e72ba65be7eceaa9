import type { Static } from 'typebox'
import type { RunPage } from '../../../server/features/imports/runs/schema.ts'
import type {
  IntakeList,
  ItemAnswer,
  Reject,
  RejectPage,
  RejectQuery,
  ResendBody,
} from '../../../server/features/ingest/schema.ts'
import type { KeyBody, KeyList, KeyMade } from '../../../server/features/keys/schema.ts'
import type { WecomHealth } from '../../../server/features/mirror/schema.ts'
import type { CallbackList, ReplayAnswer as CallbackReplay } from '../../../server/features/wecom/schema.ts'
import type {
  Delivery,
  DeliveryDetail,
  DeliveryPage,
  DeliveryQuery,
  ReplayAnswer,
  ReplayBody,
  TestAnswer,
  Webhook,
  WebhookBody,
  WebhookChange,
  WebhookList,
  WebhookMade,
} from '../../../server/features/webhooks/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

type Filter<T> = { [K in keyof T]?: T[K] | undefined }

/** The calls of the integration pages. */
export const calls = {
  readKeys: (signal?: AbortSignal) => api.get<Static<typeof KeyList>>('/keys', {}, signal),
  makeKey: (body: KeyBody) => api.post<KeyMade>('/keys', body),
  revokeKey: (keyId: string) => api.delete<unknown>(`/keys/${keyId}?inUse=true`),

  readWebhooks: (signal?: AbortSignal) => api.get<Static<typeof WebhookList>>('/webhooks', {}, signal),
  makeWebhook: (body: WebhookBody) => api.post<WebhookMade>('/webhooks', body),
  changeWebhook: (webhookId: string, body: WebhookChange) => api.put<Webhook>(`/webhooks/${webhookId}`, body),
  removeWebhook: (webhookId: string) => api.delete<unknown>(`/webhooks/${webhookId}`),
  testWebhook: (webhookId: string) => api.post<Static<typeof TestAnswer>>(`/webhooks/${webhookId}/test`, {}),
  replaySpan: (webhookId: string, body: ReplayBody) =>
    api.post<Static<typeof ReplayAnswer>>(`/webhooks/${webhookId}/replay`, body),
  readDeliveries: (where: Filter<DeliveryQuery>, signal?: AbortSignal) =>
    api.get<Static<typeof DeliveryPage>>('/webhook-deliveries', { ...where }, signal),
  readDelivery: (webhookId: string, eventId: string, signal?: AbortSignal) =>
    api.get<DeliveryDetail>(`/webhooks/${webhookId}/deliveries/${eventId}`, {}, signal),
  replayDelivery: (webhookId: string, eventId: string) =>
    api.post<Delivery>(`/webhooks/${webhookId}/deliveries/${eventId}/replay`, {}),

  readIntake: (signal?: AbortSignal) => api.get<Static<typeof IntakeList>>('/intake', {}, signal),
  readRejects: (where: Filter<Omit<RejectQuery, 'resent'>> & { resent?: string | undefined }, signal?: AbortSignal) =>
    api.get<Static<typeof RejectPage>>('/rejected-items', { ...where }, signal),
  readReject: (rejectId: string, signal?: AbortSignal) => api.get<Reject>(`/rejected-items/${rejectId}`, {}, signal),
  resend: (rejectId: string, body: ResendBody) => api.post<ItemAnswer>(`/rejected-items/${rejectId}/resend`, body),

  readImports: (cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Static<typeof RunPage>>('/imports', { cursor }, signal),

  readHealth: (signal?: AbortSignal) => api.get<WecomHealth>('/wecom/health', {}, signal),
  readCallbacks: (where: { status?: string | undefined; cursor?: string | undefined }, signal?: AbortSignal) =>
    api.get<Static<typeof CallbackList>>('/wecom/callbacks', { ...where }, signal),
  replayCallback: (id: string) => api.post<Static<typeof CallbackReplay>>(`/wecom/callbacks/${id}/replay`, {}),
}
