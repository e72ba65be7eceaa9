import type { FriendDetails, RemarkChange, TagChange } from '../../server/features/mirror/tags/schema.ts'

/** What WeCom has of the demo friends; each mock server has its own. */
export function buildFriends() {
  const groups: [string, string[]][] = [
    ['意向等级', ['高意向', '一般', '价格敏感']],
    ['偏好', ['羊毛', '真丝', '通勤', '大码', '一个名字很长很长的标签也要放得下才行']],
    ['身高', ['160', '165', '170']],
  ]
  const marked: Record<string, Set<string>> = { 'wm-gold': new Set(['et-0-0', 'et-1-2']) }
  const written: Record<string, { remark: string | null; description: string | null }> = {
    'wm-gold': { remark: '陈女士', description: '喜欢羊毛大衣，周末来店' },
  }
  const own = (id: string) => (written[id] ??= { remark: null, description: null })
  const details = (id: string): FriendDetails => ({
    externalUserid: id,
    isFresh: true,
    ...own(id),
    company: null,
    mobilesMasked: id === 'wm-gold' ? ['138****5678'] : [],
    groups: groups.map(([name, tags], g) => ({
      groupId: `etg-${g}`,
      name,
      tags: tags.map((tag, t) => ({
        tagId: `et-${g}-${t}`,
        name: tag,
        isMarked: marked[id]?.has(`et-${g}-${t}`) ?? false,
      })),
    })),
  })
  return {
    /** null: the address is none of theirs. */
    answer(method: string, path: string, body: unknown): object | null {
      const [, id, what] = /^\/api\/v1\/customers\/([^/]+)\/(wecom|tags|remark)$/.exec(path) ?? []
      if (id === undefined) return null
      if (method === 'GET' && what === 'wecom') return details(id)
      if (method !== 'PUT') return null
      if (what === 'tags') {
        const { add = [], remove = [] } = body as TagChange
        const tags = (marked[id] ??= new Set())
        for (const tagId of add) tags.add(tagId)
        for (const tagId of remove) tags.delete(tagId)
        return { externalUserid: id, tagIds: [...tags] }
      }
      const { remark, description } = body as RemarkChange
      Object.assign(own(id), { ...(remark ? { remark } : {}), ...(description ? { description } : {}) })
      return { externalUserid: id, ...own(id) }
    },
  }
}
