import { provideGlobalConfig } from 'element-plus/es/components/config-provider/index.mjs'
import en from 'element-plus/es/locale/lang/en.mjs'
import zhCn from 'element-plus/es/locale/lang/zh-cn.mjs'
import { computed } from 'vue'
import { locale } from '../../sidebar/lib/locale.ts'

/**
 * Has the parts of Element Plus below a component speak the console's language. Called by each component that holds
 * one, not by the page's frame: pages without them need not wait for what they stand on.
 */
export function speakElement(): void {
  provideGlobalConfig(computed(() => ({ locale: locale.value === 'zh' ? zhCn : en })))
}
