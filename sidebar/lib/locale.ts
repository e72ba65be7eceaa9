import { computed, ref, watchEffect, type ComputedRef } from 'vue'

export type Locale = 'zh' | 'en'

const storageKey = 'daogou.locale'

/** The chosen language, else WeCom's (`Language/zh` in its user agent), else the browser's. */
export function detectLocale(userAgent: string, browserLanguage: string, chosen: string | null): Locale {
  if (chosen === 'zh' || chosen === 'en') return chosen
  const language = userAgent.match(/\bLanguage\/([\w-]+)/i)?.[1] ?? browserLanguage
  return /^zh/i.test(language) ? 'zh' : 'en'
}

function readChoice(): string | null {
  try {
    return localStorage.getItem(storageKey)
  } catch {
    return null
  }
}

export const locale = ref<Locale>(detectLocale(navigator.userAgent, navigator.language, readChoice()))

/** Kept for the next opening, where the web view lets us. */
export function chooseLocale(choice: Locale): void {
  locale.value = choice
  try {
    localStorage.setItem(storageKey, choice)
  } catch {
    // Storage is off: the choice holds until the page is closed.
  }
}

/** Screen readers choose their voice by it, and the browser the right Han glyphs. */
export function keepDocumentLanguage(): void {
  watchEffect(() => {
    document.documentElement.lang = locale.value === 'zh' ? 'zh-CN' : 'en'
  })
}

export type Message = string | ((...values: never[]) => string)

/** The same keys with the same parameters: a message missing in one language is a type error. */
type Translation<M> = { [K in keyof M]: M[K] extends string ? string : M[K] }

/** A feature's messages, Chinese first; they travel with the feature, so that the first load stays small. */
export function defineMessages<M extends Record<string, Message>>(zh: M, en: Translation<M>): ComputedRef<M> {
  return computed(() => (locale.value === 'zh' ? zh : (en as M)))
}
