import { drawPng } from '../../lib/png.ts'

/** The picture of what has none: WeCom refuses a message whose picture is missing. Drawn, so that no file is needed. */

const SIZE = 240
const GROUND = [0xf2, 0xef, 0xea] as const
const INK = [0xb9, 0xa9, 0x94] as const

/** A shopping bag, in halves of a 24 × 24 grid. */
function isInk(x: number, y: number): boolean {
  const [u, v] = [(x / SIZE) * 24, (y / SIZE) * 24]
  const isBag = u >= 5 && u < 19 && v >= 9 && v < 20
  const distance = Math.hypot(u - 12, v - 9)
  return isBag || (v < 9 && distance >= 3 && distance < 4.2)
}

/** A PNG of 240 × 240. */
export const sharePicture: Buffer = drawPng(SIZE, SIZE, (x, y) => (isInk(x, y) ? INK : GROUND))
