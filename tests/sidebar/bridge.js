/**
 * A stand-in for WeCom's native bridge, as a classic script that runs before the page's own: through Playwright's init
 * scripts, or by a script tag in the mock server's page. It answers what it is told to in `window.daogouBridge`
 * and keeps what it was asked in `window.daogouBridge.calls`.
 *
 * An answer of null never comes; a list is used up one by one, its last entry staying.
 */
;(() => {
  const setup = (window.daogouBridge = { calls: [], answers: {}, lateMs: 0, ...window.daogouBridge })
  if (setup.absent) return
  const userAgent = navigator.userAgent
  if (!/wxwork/i.test(userAgent)) {
    const told = `${userAgent} wxwork/4.1.36 MicroMessenger/7.0.1 Language/zh`
    Object.defineProperty(navigator, 'userAgent', { configurable: true, get: () => told })
  }

  const contextError = { err_msg: 'fail without context of external contact' }
  const usual = {
    agentConfig: () => ({ err_msg: 'agentConfig:ok', checkResult: {} }),
    preVerifyJSAPI: () => ({ err_msg: 'preVerifyJSAPI:ok' }),
    getContext: () => ({ err_msg: 'getContext:ok', entry: setup.entry }),
    getCurExternalContact: () =>
      ['single_chat_tools', 'contact_profile'].includes(setup.entry)
        ? { err_msg: 'getCurExternalContact:ok', userId: setup.externalUserid }
        : { err_msg: `getCurExternalContact:${contextError.err_msg}` },
    getCurExternalChat: () =>
      setup.entry === 'group_chat_tools'
        ? { err_msg: 'getCurExternalChat:ok', chatId: setup.chatId }
        : { err_msg: `getCurExternalChat:${contextError.err_msg}` },
    sendChatMessage: () => ({ err_msg: 'sendChatMessage:ok' }),
    openEnterpriseChat: () => ({ err_msg: 'openEnterpriseChat:ok' }),
  }

  function answer(name) {
    const told = setup.answers[name]
    if (Array.isArray(told)) return told.length > 1 ? told.shift() : told[0]
    if (told !== undefined) return told
    return usual[name] ? usual[name]() : { err_msg: `${name}:fail function not exist` }
  }

  const bridge = {
    invoke(name, params, callback) {
      setup.calls.push({ name, params: JSON.parse(JSON.stringify(params)) })
      const result = answer(name)
      if (result !== null) setTimeout(() => callback({ ...result }), 5)
    },
    on() {},
  }
  if (!setup.lateMs) window.WeixinJSBridge = bridge
  else {
    setTimeout(() => {
      window.WeixinJSBridge = bridge
      document.dispatchEvent(new Event('WeixinJSBridgeReady'))
    }, setup.lateMs)
  }
})()
