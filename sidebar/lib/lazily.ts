import { defineAsyncComponent, h, type Component } from 'vue'
import BaseLoading from '../components/BaseLoading.vue'

type Shape = InstanceType<typeof BaseLoading>['$props']['shape']

/** A view that comes as its own chunk, with its skeleton until then: nobody loads what he does not look at. */
export function lazily<C extends Component>(loader: () => Promise<{ default: C }>, shape: Shape) {
  return defineAsyncComponent<C>({
    loader: async () => (await loader()).default,
    delay: 0,
    loadingComponent: () => h(BaseLoading, { shape }),
  })
}
