import { defineAsyncComponent, defineComponent, h, watch, type Component } from 'vue'
import BaseFailure from '../components/BaseFailure.vue'
import BaseLoading from '../components/BaseLoading.vue'
import { connection } from './connection.ts'
import { toDiagnosis, type Diagnosis } from './diagnosis.ts'

type Shape = InstanceType<typeof BaseLoading>['$props']['shape']

/**
 * A view that comes as its own chunk, with its skeleton until then: nobody loads what he does not look at. Where it does
 * not come, it alone says so, and what is there already stays within reach.
 */
export function lazily<C extends Component>(loader: () => Promise<{ default: C }>, shape: Shape) {
  return defineAsyncComponent<Component>({
    loader: () => loader().then(({ default: view }) => view, (error: unknown) => failedView(toDiagnosis(error))), // prettier-ignore
    delay: 0,
    loadingComponent: () => h(BaseLoading, { shape }),
  })
}

/** A chunk that failed once is asked for anew by a reload alone; without a network that would leave nothing at all. */
function failedView(diagnosis: Diagnosis) {
  const again = () => connection.isOffline || location.reload()
  return defineComponent(() => {
    watch(() => connection.tries, again)
    return () => h(BaseFailure, { diagnosis, onRetry: again })
  })
}
