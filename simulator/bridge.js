/**
 * The JS bridge that a WeCom client puts into a page. A classic script, so that it runs before the page's own modules:
 * the SDK looks at the user agent once, when it is loaded.
 *
 * The line before this one, made by the server for each seat, sets `simulatedWecom`.
 */
;(() => {
  /** @type {{ seatId: string, version: string, lateMs: number, language: string, colorScheme: string }} */
  const settings = globalThis.simulatedWecom
  const pageId = `${Date.now().toString(36)}${Math.random().toString(36).slice(2)}`

  const agent = navigator.userAgent
  if (!/wxwork\//i.test(agent)) {
    const client = `wxwork/${settings.version} MicroMessenger/7.0.1 Language/${settings.language} ColorScheme/${settings.colorScheme}`
    Object.defineProperty(navigator, 'userAgent', { configurable: true, get: () => `${agent} ${client}` })
  }

  /** @type {Map<string, ((event: unknown) => void)[]>} */
  const listeners = new Map()

  const bridge = {
    invoke(name, params, callback) {
      // What crosses into a native client is data: functions among the parameters do not survive.
      const data = JSON.parse(JSON.stringify(params ?? {}))
      const call = { seatId: settings.seatId, pageId, name, params: data, href: location.href }
      fetch('/simulator/api/bridge', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(call),
      })
        .then(response => response.json())
        .catch(() => ({ err_msg: `${name}:fail simulator unreachable` }))
        .then(result => callback?.(result))
    },
    on(name, callback) {
      listeners.set(name, [...(listeners.get(name) ?? []), callback])
    },
  }

  // The shell may raise the client's own events, such as historyBack.
  addEventListener('message', message => {
    if (message.source !== parent || message.origin !== location.origin) return
    const event = message.data?.simulatedWecomEvent
    if (typeof event?.name !== 'string') return
    for (const listener of listeners.get(event.name) ?? []) listener(event.detail ?? {})
  })

  const appear = () => {
    globalThis.WeixinJSBridge = bridge
    document.dispatchEvent(new Event('WeixinJSBridgeReady'))
  }
  if (settings.lateMs > 0) setTimeout(appear, settings.lateMs)
  else appear()
})()
