import type { CustomerCard, GroupCard } from '../../server/features/cards/schema.ts'
import type {
  Catalogue,
  Library,
  LibraryQuery,
  Share,
  ShareRequest,
  ShareSent,
  Shelf,
  ShelfBody,
  ShelfQuery,
} from '../../server/features/catalogue/schema.ts'
import type { OwnCoupons } from '../../server/features/coupons/schema.ts'
import type { Earnings, EarningsSpan } from '../../server/features/earnings/schema.ts'
import type { HomeCustomers, HomeQuery, TeamDay } from '../../server/features/home/schema.ts'
import type { ChoiceBody, ShownChoice } from '../../server/features/messages/schema.ts'
import type {
  FriendDetails,
  RemarkChange,
  RemarkChanged,
  TagChange,
  TagsChanged,
} from '../../server/features/mirror/tags/schema.ts'
import type { DayPosts, PostTick } from '../../server/features/posts/schema.ts'
import type { AnswerBody, Note, NoteBody, Profile, ProfileAnswer } from '../../server/features/profiles/schema.ts'
import type { DoneBody, FollowUpBody, Task, TaskPage } from '../../server/features/task-rules/schema.ts'
import type { Phone } from '../../server/features/visibility/schema.ts'
import type { AttainmentItem, DisputeBody, DisputeItem, Settlement, Statement } from './pay.ts'
import { api } from './session.ts'

/** Every call of the sidebar, by name. Types are the service's own schemas. */
export const service = {
  readCustomerCard: (externalUserid: string, signal: AbortSignal) =>
    api.get<CustomerCard>('/cards/customer', { externalUserid }, signal),
  readPhone: (externalUserid: string) => api.post<Phone>('/customers/phone', { externalUserid }),
  readFriend: (externalUserid: string, signal: AbortSignal) =>
    api.get<FriendDetails>(`/customers/${encodeURIComponent(externalUserid)}/wecom`, {}, signal),
  markFriend: (externalUserid: string, change: TagChange) =>
    api.put<TagsChanged>(`/customers/${encodeURIComponent(externalUserid)}/tags`, change),
  remarkFriend: (externalUserid: string, change: RemarkChange) =>
    api.put<RemarkChanged>(`/customers/${encodeURIComponent(externalUserid)}/remark`, change),
  readGroupCard: (chatId: string, signal: AbortSignal) => api.get<GroupCard>('/cards/group', { chatId }, signal),
  readCatalogue: (
    where: { externalUserid?: string; chatId?: string; query?: string; cursor?: string },
    signal?: AbortSignal,
  ) => api.get<Catalogue>('/catalogue', where, signal),
  readOwnCoupons: (
    where: { externalUserid?: string; chatId?: string; q?: string; cursor?: string },
    signal?: AbortSignal,
  ) => api.get<OwnCoupons>('/me/coupons', where, signal),
  readLibrary: (where: LibraryQuery, signal?: AbortSignal) => api.get<Library>('/me/materials', { ...where }, signal),
  readShelf: (where: ShelfQuery, signal?: AbortSignal) => api.get<Shelf>('/me/shelf', { ...where }, signal),
  changeShelf: (body: ShelfBody) => api.put<Shelf>('/me/shelf', body),
  readDayPosts: (signal?: AbortSignal) => api.get<DayPosts>('/me/posts', {}, signal),
  tickPost: (postId: string, deed: 'used' | 'undo') => api.post<PostTick>(`/me/posts/${postId}/${deed}`, {}),
  share: (request: ShareRequest) => api.post<Share>('/share', request),
  /** A picture, as WeChat drew it. */
  readMiniProgramCode: async (linkCode: string) => {
    const path = `/share-links/${encodeURIComponent(linkCode)}/mini-program-code`
    const read = async (response: Response) => new Response(await response.blob())
    return await (await api.take(path, {}, { accept: 'image/*', read })).blob()
  },
  recordSent: (linkCode: string) => api.post<ShareSent>(`/share/${encodeURIComponent(linkCode)}/sent`, {}),
  readEarnings: (span: EarningsSpan, cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Earnings>('/earnings', { span, cursor }, signal),
  /** The month's target of somebody; null: none. */
  readTarget: async (associate: string, signal?: AbortSignal) =>
    (await api.get<{ items: AttainmentItem[] }>('/attainment', { associate }, signal)).items.find(
      item => item.associateId === associate,
    ) ?? null,
  readOwnDisputes: async (associate: string, signal?: AbortSignal) =>
    (await api.get<{ items: DisputeItem[] }>('/disputes', { associate, limit: 100 }, signal)).items,
  openDispute: (body: DisputeBody) => api.post<DisputeItem>('/disputes', body),
  withdrawDispute: (disputeId: string) => api.post<DisputeItem>(`/disputes/${disputeId}/withdraw`, {}),
  /** Of the last settlements, those in which he is owed something. */
  readOwnStatements: async (payee: string, signal?: AbortSignal) => {
    const { items } = await api.get<{ items: Settlement[] }>('/settlements', { limit: 6 }, signal)
    const found = await Promise.all(
      items.map(async settlement => {
        const path = `/settlements/${settlement.settlementId}/statements`
        const { items } = await api.get<{ items: Statement[] }>(path, { limit: 500 }, signal)
        const statement = items.find(one => one.payeeKind === 'associate' && one.payee === payee)
        return statement ? [{ settlement, statement }] : []
      }),
    )
    return found.flat()
  },
  readProfile: (externalUserid: string, signal?: AbortSignal) =>
    api.get<Profile>('/customers/profile', { externalUserid }, signal),
  answer: (body: AnswerBody) => api.post<ProfileAnswer>('/customers/answers', body),
  writeNote: (body: NoteBody) => api.post<Note>('/customers/notes', body),
  changeNote: (noteId: string, deed: 'delete' | 'restore', externalUserid: string) =>
    api.post<Note>(`/customers/notes/${noteId}/${deed}`, { externalUserid }),
  readOwnCustomers: (where: Omit<HomeQuery, 'cursor'> & { cursor?: string | undefined }, signal?: AbortSignal) =>
    api.get<HomeCustomers>('/me/customers', where, signal),
  readTeamDay: (storeCode: string | undefined, signal?: AbortSignal) =>
    api.get<TeamDay>('/me/team-day', { storeCode }, signal),
  readMessageChoice: (signal?: AbortSignal) => api.get<ShownChoice>('/me/messages', {}, signal),
  changeMessageChoice: (body: ChoiceBody) => api.put<ShownChoice>('/me/messages', body),
  readTasks: (
    where: { whose?: 'mine' | 'all'; limit?: number; cursor?: string | undefined; memberNo?: string },
    signal?: AbortSignal,
  ) => api.get<TaskPage>('/tasks', where, signal),
  doTask: (taskId: string, body: DoneBody) => api.post<Task>(`/tasks/${taskId}/done`, body),
  skipTask: (taskId: string, reason: string) => api.post<Task>(`/tasks/${taskId}/skip`, { reason }),
  reopenTask: (taskId: string) => api.post<Task>(`/tasks/${taskId}/undo`, {}),
  createFollowUp: (body: FollowUpBody) => api.post<Task>('/tasks', body),
}
