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
import type { Session, Signature, SignatureKind } from '../../server/features/session/schema.ts'
import type { DoneBody, FollowUpBody, Task, TaskPage } from '../../server/features/task-rules/schema.ts'
import type { Phone } from '../../server/features/visibility/schema.ts'
import { createApi } from './api.ts'

let csrfToken: string | null = null
/** Without a name it is the page of the default brand. WeCom signs the address with it, so it stays there. */
const brand = new URLSearchParams(location.search).get('brand') || 'default'
const loginMarkKey = 'daogou.login'
/** Sent to sign in twice within this time without a session in between: cookies are blocked, stop going round. */
const loginAgainMs = 30_000

const api = createApi({
  baseUrl: '/api/v1',
  timeoutMs: 12_000,
  csrfToken: () => csrfToken,
  brand,
  onSignedOut: () => void goToLogin(),
})

/**
 * Leaves for WeCom's sign-in, which comes back to where we are.
 *
 * @returns false where we came from there a moment ago: a session that never sticks must end on a page that says so,
 *   not in a circle of redirects
 */
export function goToLogin(): boolean {
  let lastMs = 0
  try {
    lastMs = Number(sessionStorage.getItem(loginMarkKey) ?? 0)
    sessionStorage.setItem(loginMarkKey, String(Date.now()))
  } catch {
    // Storage is off: without a mark we cannot tell a circle, so go.
  }
  if (Date.now() - lastMs < loginAgainMs) return false
  const here = location.pathname + location.search + location.hash
  location.assign(`/auth/wecom/login?redirect=${encodeURIComponent(here)}`)
  return true
}

/** Every call of the sidebar, by name. Types are the service's own schemas. */
export const service = {
  async readSession(): Promise<Session> {
    const session = await api.getQuietly<Session>('/session')
    csrfToken = session.csrfToken
    try {
      sessionStorage.removeItem(loginMarkKey)
    } catch {
      // Storage is off: then nothing was kept.
    }
    return session
  },
  sign: (url: string, kind: SignatureKind) => api.post<Signature>('/wecom/signature', { url, kind }),
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
  recordSent: (linkCode: string) => api.post<ShareSent>(`/share/${encodeURIComponent(linkCode)}/sent`, {}),
  readEarnings: (span: EarningsSpan, cursor: string | undefined, signal?: AbortSignal) =>
    api.get<Earnings>('/earnings', { span, cursor }, signal),
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
