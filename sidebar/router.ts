import { createRouter, createWebHashHistory } from 'vue-router'
import SubjectView from './features/home/SubjectView.vue'

/** Hash mode: WeCom signs the address without its hash, and with any other history each page would be signed anew. */
export const router = createRouter({
  history: createWebHashHistory(),
  scrollBehavior: () => ({ top: 0 }),
  routes: [
    { path: '/', name: 'subject', component: SubjectView },
    { path: '/share', name: 'share', component: () => import('./features/share/ShareView.vue') },
    { path: '/earnings', name: 'earnings', component: () => import('./features/earnings/EarningsView.vue') },
    {
      path: '/customers/:externalUserid',
      name: 'customer',
      component: () => import('./features/customer/CustomerView.vue'),
      props: true,
    },
    { path: '/tasks', name: 'tasks', component: () => import('./features/tasks/TasksView.vue') },
    { path: '/:unknown(.*)*', redirect: '/' },
  ],
})
