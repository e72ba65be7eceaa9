import type { Static } from 'typebox'
import type {
  NewPostBody,
  PostBody,
  PostPage,
  PostQuery,
  PostResults,
  ShownPost,
} from '../../../server/features/posts/schema.ts'
import { api } from '../../../sidebar/lib/session.ts'

/** The calls of the content calendar. */
export const calls = {
  readPosts: (where: PostQuery, signal?: AbortSignal) =>
    api.get<Static<typeof PostPage>>('/posts', { ...where }, signal),
  create: (body: NewPostBody) => api.post<ShownPost>('/posts', body),
  change: (postId: string, body: PostBody) => api.put<ShownPost>(`/posts/${postId}`, body),
  remove: (postId: string) => api.delete<undefined>(`/posts/${postId}`),
  readResults: (postId: string, cursor?: string, signal?: AbortSignal) =>
    api.get<PostResults>(`/posts/${postId}/results`, { cursor }, signal),
}
