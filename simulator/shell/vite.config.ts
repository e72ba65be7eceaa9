import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

/** The chat shell, built apart from the product's pages: nothing of it belongs into what is run in production. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/simulator/',
  publicDir: false,
  plugins: [vue()],
  define: { __VUE_OPTIONS_API__: 'false', __VUE_PROD_DEVTOOLS__: 'false' },
  build: {
    outDir: fileURLToPath(new URL('../../dist/simulator', import.meta.url)),
    emptyOutDir: true,
    // The policy of its pages allows no inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
