import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

/**
 * One build for all screens that run in a browser. Each screen is a page of its own (`/sidebar/`, …) and its files lie
 * under `/assets/`; add a page by adding its index.html to `input`.
 *
 * Nothing is inlined: the service's content security policy allows neither inline scripts nor styles.
 */
export default defineConfig({
  plugins: [vue()],
  base: '/',
  publicDir: false,
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
  build: {
    outDir: 'dist/web',
    emptyOutDir: true,
    // Associates have old Android web views and iPhones: nothing newer than these may remain in the output.
    target: ['chrome87', 'safari14'],
    cssTarget: ['chrome87', 'safari14'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { sidebar: 'sidebar/index.html' } },
  },
})
