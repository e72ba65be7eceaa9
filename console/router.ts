import { createRouter, createWebHashHistory } from 'vue-router'
import HomePage from './features/start/HomePage.vue'

/** Hash mode, as in the sidebar: the service has one address for the console, and deep links need nothing of it. */
export const router = createRouter({
  history: createWebHashHistory(),
  scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
  routes: [
    { path: '/', name: 'home', component: HomePage },
    {
      path: '/performance',
      name: 'performance',
      component: () => import('./features/performance/PerformanceView.vue'),
    },
    { path: '/community', name: 'communities', component: () => import('./features/community/CommunitiesView.vue') },
    {
      path: '/community/:storeCode',
      name: 'community',
      component: () => import('./features/community/CommunityView.vue'),
      props: true,
    },
    { path: '/handover', name: 'transfers', component: () => import('./features/transfers/TransfersView.vue') },
    {
      path: '/handover/:transferId',
      name: 'transfer',
      component: () => import('./features/transfers/TransferView.vue'),
      props: true,
    },
    { path: '/:unknown(.*)*', redirect: '/' },
  ],
})
