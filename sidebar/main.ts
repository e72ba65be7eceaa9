import './lib/old-web-views.ts'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { toDiagnosis } from './lib/diagnosis.ts'
import { watchConnection } from './lib/connection.ts'
import { keepDocumentLanguage } from './lib/locale.ts'
import { followColorScheme } from './lib/scheme.ts'
import { silenceSdkRejections } from './lib/wecom.ts'
import { followAddress } from './router.ts'
import { useStartStore } from './stores/start.ts'

followColorScheme()
keepDocumentLanguage()
followAddress()
watchConnection()
silenceSdkRejections()

const app = createApp(App).use(createPinia())
const { begin, look, fail } = useStartStore()
// Whatever breaks, somebody stands before this page with a customer waiting: it says so and is never blank.
app.config.errorHandler = error => fail(toDiagnosis(error))
app.mount('#app')
void begin()

// Another chat may stand beside us when the page is shown, or touched, again.
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && void look())
window.addEventListener('focus', () => void look())
