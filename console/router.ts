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
    { path: '/people', name: 'people', component: () => import('./features/people/PeopleView.vue') },
    { path: '/settings', name: 'settings', component: () => import('./features/settings/SettingsView.vue') },
    { path: '/materials', name: 'materials', component: () => import('./features/materials/MaterialsView.vue') },
    { path: '/calendar', name: 'calendar', component: () => import('./features/posts/CalendarView.vue') },
    { path: '/tasks', name: 'tasks', component: () => import('./features/task-rules/TaskRulesView.vue') },
    { path: '/coupons', name: 'coupons', component: () => import('./features/coupons/CouponsView.vue') },
    { path: '/handover', name: 'transfers', component: () => import('./features/transfers/TransfersView.vue') },
    {
      path: '/handover/:transferId',
      name: 'transfer',
      component: () => import('./features/transfers/TransferView.vue'),
      props: true,
    },
    {
      path: '/settlements',
      name: 'settlements',
      component: () => import('./features/settlements/SettlementsView.vue'),
    },
    {
      path: '/settlements/:settlementId',
      name: 'settlement',
      component: () => import('./features/settlements/SettlementView.vue'),
      props: true,
    },
    {
      path: '/settlements/:settlementId/print',
      name: 'settlement-print',
      component: () => import('./features/settlements/StatementPrint.vue'),
      props: true,
    },
    {
      path: '/adjustments',
      name: 'adjustments',
      component: () => import('./features/adjustments/AdjustmentsView.vue'),
    },
    { path: '/targets', name: 'targets', component: () => import('./features/targets/TargetsView.vue') },
    { path: '/plans', name: 'plans', component: () => import('./features/plans/PlansView.vue') },
    {
      path: '/plans/versions/:code/:version',
      name: 'plan',
      component: () => import('./features/plans/PlanView.vue'),
      props: true,
    },
    {
      path: '/plans/drafts/:name',
      name: 'planDraft',
      component: () => import('./features/plans/DraftView.vue'),
      props: true,
    },
    { path: '/integration', redirect: '/integration/keys' },
    {
      path: '/integration/:tab',
      name: 'integration',
      component: () => import('./features/integration/IntegrationView.vue'),
      props: true,
    },
    { path: '/disputes', name: 'disputes', component: () => import('./features/disputes/DisputesView.vue') },
    {
      path: '/unattributed',
      name: 'unattributed',
      component: () => import('./features/unattributed/UnattributedView.vue'),
    },
    { path: '/risks', name: 'risks', component: () => import('./features/risks/RisksView.vue') },
    { path: '/activity', name: 'activity', component: () => import('./features/activity/ActivityView.vue') },
    { path: '/:unknown(.*)*', redirect: '/' },
  ],
})
