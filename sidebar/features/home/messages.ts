import { defineMessages } from '../../lib/locale.ts'

export const messages = defineMessages(
  {
    roleAssociate: '导购',
    roleManager: '店长',
    roleFranchisee: '加盟商',
    roleHeadquarters: '总部',
    roleAuditor: '审计',
    today: '今天的提成',
    todaySales: (sales: string, orders: string) => `业绩 ${sales} · ${orders} 单`,
    toEarnings: '看每一笔',
    toShare: '挑商品，复制链接',
    besideTitle: '在会话旁打开',
    beside: '打开和顾客的单聊或客户群，再从右侧边栏打开这里，就能看到顾客是谁、看过什么、现在发什么。',
  },
  {
    roleAssociate: 'Associate',
    roleManager: 'Store manager',
    roleFranchisee: 'Franchisee',
    roleHeadquarters: 'Headquarters',
    roleAuditor: 'Auditor',
    today: 'Commission today',
    todaySales: (sales: string, orders: string) => `Sales ${sales} · ${orders} ${orders === '1' ? 'order' : 'orders'}`,
    toEarnings: 'Order by order',
    toShare: 'Pick a product, copy its link',
    besideTitle: 'Open it beside a chat',
    beside:
      'Open a chat with a customer or a customer group and this page from its sidebar: it shows who the customer is, what they looked at, and what to send now.',
  },
)
