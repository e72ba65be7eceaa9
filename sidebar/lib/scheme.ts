/**
 * Dark or light after WeCom, which writes its choice into the user agent (`ColorScheme/Dark`), else after the system,
 * whose changes are followed.
 */
export function followColorScheme(): void {
  const told = navigator.userAgent.match(/\bColorScheme\/(Dark|Light)/i)?.[1]?.toLowerCase()
  const system = window.matchMedia('(prefers-color-scheme: dark)')
  const apply = () => {
    document.documentElement.dataset['scheme'] = told ?? (system.matches ? 'dark' : 'light')
  }
  apply()
  system.addEventListener('change', apply)
}
