import { ref } from 'vue'

/** How many tasks are due, as far as a view has asked: the tab says it beside its name. */
export const dueCount = ref<number | null>(null)
