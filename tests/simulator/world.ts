import type { WorldDescription } from '../../simulator/world.ts'

/** A small corporation for tests; whoever needs something else changes that one thing. */
export const smallCorp: WorldDescription = {
  seed: 'tests',
  corp: { corpId: 'ww0000000000000demo', name: '演示品牌' },
  agents: [
    { agentId: '1000002', secret: 'secret-of-daogou', name: '导购', trustedDomains: ['127.0.0.1', 'daogou.example'] },
    { agentId: '1000003', secret: 'secret-of-other', name: '考勤', trustedDomains: ['127.0.0.1'], mayReadCustomers: false }, // prettier-ignore
  ],
  departments: [
    { id: 1, name: '演示品牌' },
    { id: 2, name: '演示·上海静安店', parentId: 1 },
  ],
  staff: [
    { userid: 'demo-a01', name: '演示店长01', departments: [2], position: '店长', isLeader: true },
    { userid: 'demo-a02', name: '演示导购02', departments: [2], position: '导购' },
    { userid: 'demo-a03', name: '演示导购03', departments: [2], position: '导购' },
  ],
  tagGroups: [{ name: '意向', tags: ['高意向', '价格敏感'] }],
  customers: [
    {
      externalUserid: 'wmDemoGold',
      unionid: 'oDemoGold',
      name: '演示顾客甲',
      memberNo: 'D-M00001',
      hint: '金卡会员',
      follows: [
        { userid: 'demo-a02', createdAt: 1_700_000_000_000, state: 'ch_042', tags: ['高意向'] },
        { userid: 'demo-a03', createdAt: 1_700_100_000_000, addWay: 201 },
      ],
    },
    { externalUserid: 'wmDemoStranger', name: '演示顾客乙', hint: '还不是会员', follows: [{ userid: 'demo-a02' }] },
  ],
  groupChats: [
    { chatId: 'wrDemoGroup', name: '演示新品群', owner: 'demo-a02', customers: ['wmDemoGold', 'wmDemoStranger'] },
  ],
  messages: [
    { chat: { userid: 'demo-a02', customer: 'wmDemoGold' }, from: 'wmDemoGold', text: '大衣还有吗？', at: 1_700_200_000_000 },
  ], // prettier-ignore
  miniPrograms: [{ appId: 'wx0000000000000001', name: '演示商城' }],
}
