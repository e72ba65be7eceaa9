import { defineMessages } from '../lib/locale.ts'

/** What every page needs: tabs, the words of waiting and of failing. */
export const common = defineMessages(
  {
    tabCustomer: '客户',
    tabGroup: '客户群',
    tabHome: '首页',
    tabShare: '分享',
    tabEarnings: '业绩',
    tabTasks: '任务',
    navigation: '主导航',
    loading: '正在载入',
    retry: '重试',
    failed: '出错了，详细说明也没有载入。请检查网络后重试。',
    more: '更多',
    loadingMore: '正在载入…',
    otherLanguage: 'English',
    me: '我',
    listSeparator: '、',
  },
  {
    tabCustomer: 'Customer',
    tabGroup: 'Group',
    tabHome: 'Home',
    tabShare: 'Share',
    tabEarnings: 'Earnings',
    tabTasks: 'Tasks',
    navigation: 'Main navigation',
    loading: 'Loading',
    retry: 'Try again',
    failed: 'Something failed, and so did loading its explanation. Check the network and try again.',
    more: 'More',
    loadingMore: 'Loading…',
    otherLanguage: '中文',
    me: 'Me',
    listSeparator: ', ',
  },
)
