import './ahead.ts'
import './lib/old-web-views.ts'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { toDiagnosis } from './lib/diagnosis.ts'
import { watchConnection } from './lib/connection.ts'
import { keepDocumentLanguage } from './lib/locale.ts'
import { followAddress } from './router.ts'
import { useStartStore } from './stores/start.ts'

keepDocumentLanguage()
followAddress()
watchConnection()

const app = createApp(App).use(createPinia())
const { begin, look, fail } = useStartStore()
// Whatever breaks, somebody stands before this page with a customer waiting: it says so and is never blank.
app.config.errorHandler = error => fail(toDiagnosis(error))
// What is asked of WeCom goes before what is drawn meanwhile; and what is there already need not be waited for on screen.
const momentMs = 50
const aMoment = new Promise(resolve => setTimeout(resolve, momentMs))
void Promise.race([begin(), aMoment]).then(() => app.mount('#app'))

// Another chat may stand beside us when the page is shown, or touched, again.
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && void look())
window.addEventListener('focus', () => void look())
