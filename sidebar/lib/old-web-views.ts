/**
 * What our libraries call and the oldest web views lack. Imported before anything else.
 *
 * Pinia calls Object.hasOwn, which came with Chromium 93 and Safari 15.4; a build target changes syntax only.
 */
const object = Object as unknown as { hasOwn?: (target: object, key: PropertyKey) => boolean }
object.hasOwn ??= (target, key) => Object.prototype.hasOwnProperty.call(target, key)

export {}
