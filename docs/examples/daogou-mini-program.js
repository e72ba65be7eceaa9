/**
 * Daogou in a mini program: who came by which share, told to your own server. No dependencies; copy it as it is.
 * docs/mini-program.md says how to use it, and why it speaks to your server and not to Daogou.
 */
'use strict'

const KEY = 'daogou'
/** Touches that wait for a network; the oldest go first where there are more. */
const QUEUE_MAX = 200
const BATCH_MAX = 50
/** WeChat shows the app again with the options of before: the same entry so soon is no new one. */
const SAME_ENTRY_MS = 30 * 60 * 1000
const RETRY_MS = [5000, 30000, 120000, 600000]
/** How long an entry waits to hear which group it came from. */
const GROUP_MS = 2000
const HOUR_MS = 60 * 60 * 1000

/** WeChat's scene values, as far as they say how somebody came. */
const SCANS = [1011, 1012, 1013, 1025, 1031, 1032, 1047, 1048, 1049]
/** A URL Link: the short link that led here has counted the click already. */
const URL_LINK = 1194
/** A page shown within Moments, where nobody is signed in: not an entry. */
const PREVIEW = 1154
const CHANNELS = { 1007: 'single_chat', 1008: 'group_chat', 1044: 'group_chat', 1155: 'moments' }
const GROUP_SCENES = [1008, 1044, 1158, 1160, 1185]

let options = null
/** `consent` is true, false, or null: not asked yet. */
let state = null
/** What happened before somebody said whether it may be told; never stored. */
let unasked = []
let isSending = false
let failures = 0
let timer = null

function load() {
  let kept = null
  try {
    kept = wx.getStorageSync(KEY)
  } catch (error) {
    // Storage that cannot be read is as good as none.
  }
  return Object.assign({ consent: null, visitorId: null, share: null, entry: null, queue: [] }, kept || {})
}

function save() {
  // Without consent nothing of the visitor is kept; the share is the associate's, and goes with an order.
  const kept = state.consent ? state : { consent: state.consent, share: state.share }
  try {
    wx.setStorageSync(KEY, kept)
  } catch (error) {
    // A full storage must not stop the mini program.
  }
}

function randomText(length) {
  const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789'
  let text = ''
  for (let i = 0; i < length; i++) text += letters.charAt(Math.floor(Math.random() * letters.length))
  return text
}

function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    return text
  }
}

/**
 * The share code that a page was opened with, or null: `dg` in its query, or the scene of a mini-program code.
 *
 * @param query of App.onShow, or of Page.onLoad
 */
function linkCodeOf(query) {
  const given = query && (query.dg || query.scene)
  const code = given ? decoded(String(given)) : ''
  return code.length > 0 && code.length <= 128 ? code : null
}

/**
 * Call it once, before anything else.
 *
 * @param given.send (touches) => Promise: hands them to your server; it resolves when they need not be sent again
 * @param given.consent true where the visitor need not be asked; else call `consent` when he has been
 * @param given.shareCodeHours how long after a share was opened its code goes on an order; 24
 */
function init(given) {
  if (!given || typeof given.send !== 'function') throw new Error('daogou.init needs send(touches)')
  options = Object.assign({ shareCodeHours: 24 }, given)
  state = load()
  unasked = []
  isSending = false
  failures = 0
  if (timer) clearTimeout(timer)
  timer = null
  // What a visitor took back stays so until he gives it again.
  if (given.consent === true && state.consent === null) consent(true)
  if (typeof wx.onNetworkStatusChange === 'function') {
    wx.onNetworkStatusChange(status => {
      if (status.isConnected) flush()
    })
  }
}

/** Whether what the visitor does may be told. Taken back, everything that was kept of him is gone. */
function consent(isGiven) {
  state.consent = isGiven === true
  if (!state.consent) {
    state.visitorId = null
    state.entry = null
    state.queue = []
    unasked = []
  }
  const waiting = unasked
  unasked = []
  save()
  waiting.forEach(enqueue)
}

/** The visitor's id in this mini program, kept as long as its storage is; null without consent. */
function visitorId() {
  if (!state.consent) return null
  if (!state.visitorId) {
    state.visitorId = randomText(22)
    save()
  }
  return state.visitorId
}

function enqueue(touch) {
  if (state.consent === false) return
  if (state.consent === null) {
    if (unasked.length < 20) unasked.push(touch)
    return
  }
  // The id is made once and kept with the touch: sent twice, it is taken once.
  const id = visitorId()
  state.queue.push(Object.assign({ touchId: 'mp-' + id + '-' + randomText(10), visitorId: id }, touch))
  state.queue = state.queue.slice(-QUEUE_MAX)
  save()
  flush()
}

function flush() {
  if (!options || isSending || !state.consent || state.queue.length === 0) return
  const batch = state.queue.slice(0, BATCH_MAX)
  isSending = true
  if (timer) clearTimeout(timer)
  timer = null
  let sent
  try {
    sent = Promise.resolve(options.send(batch))
  } catch (error) {
    sent = Promise.reject(error)
  }
  sent.then(
    () => {
      isSending = false
      failures = 0
      const ids = batch.map(touch => touch.touchId)
      state.queue = state.queue.filter(touch => ids.indexOf(touch.touchId) === -1)
      save()
      flush()
    },
    () => {
      isSending = false
      timer = setTimeout(flush, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)])
      failures += 1
    },
  )
}

/** Which group this was opened in, sealed: only your server can open it. `done` gets null where nobody knows. */
function groupOf(scene, done) {
  if (GROUP_SCENES.indexOf(scene) === -1 || typeof wx.getGroupEnterInfo !== 'function') return done(null)
  let isDone = false
  const end = group => {
    if (isDone) return
    isDone = true
    done(group)
  }
  setTimeout(() => end(null), GROUP_MS)
  wx.getGroupEnterInfo({
    success: info => end({ encryptedData: info.encryptedData, iv: info.iv }),
    fail: () => end(null),
  })
}

/** Call it in App.onShow with its options (App.onLaunch may call it too: one entry is told once). */
function onShow(given) {
  if (!state) throw new Error('call daogou.init first')
  const now = Date.now()
  const scene = given && given.scene
  const linkCode = linkCodeOf(given && given.query)
  flush()
  if (linkCode === null || scene === PREVIEW) return
  const entry = linkCode + ' ' + scene
  const isSame = state.entry && state.entry.key === entry && now - state.entry.at < SAME_ENTRY_MS
  state.entry = { key: entry, at: now }
  if (!isSame) state.share = { linkCode: linkCode, at: now }
  save()
  if (isSame) return
  const touch = {
    linkCode: linkCode,
    at: new Date(now).toISOString(),
    kind: SCANS.indexOf(scene) !== -1 ? 'scan' : scene === URL_LINK ? 'visit' : 'click',
  }
  if (CHANNELS[scene]) touch.channel = CHANNELS[scene]
  groupOf(scene, group => enqueue(group ? Object.assign(touch, { group: group }) : touch))
}

/** Call it in Page.onLoad or onShow: what was looked at. It earns nobody anything; the associate's card shows it. */
function page(seen) {
  if (!state) throw new Error('call daogou.init first')
  const shown = { kind: String(seen.kind), ref: String(seen.ref) }
  if (seen.title) shown.title = String(seen.title)
  enqueue({ at: new Date().toISOString(), kind: 'visit', page: shown })
}

/** A coupon that was claimed, or a live room that was entered, by the share of this visit where there is one. */
function claimed(couponCode, title) {
  deed('coupon_claim', { kind: 'coupon', ref: couponCode, title: title })
}
function enteredLive(room, title) {
  deed('live_enter', { kind: 'live', ref: room, title: title })
}

function deed(kind, seen) {
  const shown = { kind: seen.kind, ref: String(seen.ref) }
  if (seen.title) shown.title = String(seen.title)
  const touch = { at: new Date().toISOString(), kind: kind, page: shown }
  const code = shareCode()
  enqueue(code === null ? touch : Object.assign({ linkCode: code }, touch))
}

/** The share that was opened last, and how long ago; null: none. */
function lastShare() {
  return state && state.share
    ? { linkCode: state.share.linkCode, at: state.share.at, ageMs: Math.max(0, Date.now() - state.share.at) }
    : null
}

/**
 * What to send as an order's `shareCode`; null where no share is recent enough. On an order the code counts as a touch at
 * the moment of payment and before all others, so an old one would take what a later share earned.
 */
function shareCode() {
  const share = lastShare()
  return share && share.ageMs <= options.shareCodeHours * HOUR_MS ? share.linkCode : null
}

/** A page's path with the share code that this visitor came by, for onShareAppMessage: whoever he sends it to comes by it too. */
function sharePath(path) {
  const code = shareCode()
  if (code === null) return path
  return path + (path.indexOf('?') === -1 ? '?' : '&') + 'dg=' + encodeURIComponent(code)
}

module.exports = {
  init: init,
  consent: consent,
  onLaunch: onShow,
  onShow: onShow,
  page: page,
  claimed: claimed,
  enteredLive: enteredLive,
  linkCodeOf: linkCodeOf,
  visitorId: visitorId,
  lastShare: lastShare,
  shareCode: shareCode,
  sharePath: sharePath,
  flush: flush,
}
