import '../sidebar/lib/old-web-views.ts'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { toDiagnosis } from '../sidebar/lib/diagnosis.ts'
import { keepDocumentLanguage } from '../sidebar/lib/locale.ts'
import { followColorScheme } from '../sidebar/lib/scheme.ts'
import App from './App.vue'
import { router } from './router.ts'
import { useStartStore } from './stores/start.ts'

followColorScheme()
keepDocumentLanguage()

const app = createApp(App).use(createPinia()).use(router)
const { begin, fail } = useStartStore()
app.config.errorHandler = error => fail(toDiagnosis(error))
router.onError(error => fail(toDiagnosis(error)))
app.mount('#app')
void begin()
