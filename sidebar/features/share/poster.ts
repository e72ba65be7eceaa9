import type { Share } from '../../../server/features/catalogue/schema.ts'
import { toDiagnosis } from '../../lib/diagnosis.ts'
import { service } from '../../lib/service.ts'

/** What stands on a poster. */
export interface PosterFacts {
  title: string
  price: string | null
  /** Of the picture; null: without. */
  pictureUrl: string | null
  /** Who sells: the brand or the store. */
  seller: string
  /** What to do with the code. */
  hint: string
}

const WIDTH = 750
const MARGIN = 40
const CODE = 200
const TITLE_LINES = 2
const fontOf = (weight: number, size: number) =>
  `${weight} ${size}px -apple-system, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif`

/**
 * Draws a poster, to be saved as a picture: what is sold, for how much, and the share's own code.
 *
 * @returns a data address: a long press saves it, also in web views that cannot save a blob's
 * @throws Failure where there is no code; a poster without one would be nobody's
 */
export async function drawPoster(share: Share, facts: PosterFacts): Promise<string> {
  const [code, picture] = await Promise.all([
    drawCode(share),
    facts.pictureUrl === null ? null : loadPicture(facts.pictureUrl).catch(() => null),
  ])
  const side = WIDTH - 2 * MARGIN
  const top = picture ? MARGIN + side + 36 : MARGIN + 24
  const canvas = document.createElement('canvas')
  canvas.width = WIDTH
  canvas.height = top + CODE + 56 + MARGIN
  const paint = canvas.getContext('2d')!
  paint.fillStyle = '#ffffff'
  paint.fillRect(0, 0, canvas.width, canvas.height)
  if (picture) drawCovering(paint, picture, { x: MARGIN, y: MARGIN, side })

  paint.textBaseline = 'top'
  paint.fillStyle = '#1c2127'
  paint.font = fontOf(500, 36)
  const textWidth = side - CODE - 36
  const lines = wrap(facts.title, textWidth, text => paint.measureText(text).width)
  lines.forEach((line, i) => paint.fillText(line, MARGIN, top + i * 50))
  if (facts.price !== null) {
    paint.fillStyle = '#b52d26'
    paint.font = fontOf(600, 46)
    paint.fillText(facts.price, MARGIN, top + lines.length * 50 + 18)
  }
  paint.fillStyle = '#5b6470'
  paint.font = fontOf(400, 26)
  const [seller = ''] = wrap(facts.seller, textWidth, text => paint.measureText(text).width, 1)
  paint.fillText(seller, MARGIN, top + 214)
  const codeX = WIDTH - MARGIN - CODE
  paint.drawImage(code, codeX, top, CODE, CODE)
  paint.textAlign = 'center'
  paint.font = fontOf(400, 22)
  paint.fillText(facts.hint, codeX + CODE / 2, top + CODE + 14, CODE)
  return canvas.toDataURL('image/jpeg', 0.92)
}

/** The mini program's own code; where there is no mini program, or no page in it, a QR code of the short link. */
async function drawCode(share: Share): Promise<CanvasImageSource> {
  if (share.miniProgram) {
    try {
      const address = URL.createObjectURL(await service.readMiniProgramCode(share.linkCode))
      try {
        return await loadPicture(address)
      } finally {
        URL.revokeObjectURL(address)
      }
    } catch (error) {
      const { code } = toDiagnosis(error)
      if (code !== 'mini_program.not_configured' && code !== 'mini_program.no_page') throw error
    }
  }
  return await drawQrCode(share.url)
}

async function drawQrCode(text: string): Promise<HTMLCanvasElement> {
  const { default: qrcode } = await import('qrcode-generator')
  const code = qrcode(0, 'M')
  code.addData(text)
  code.make()
  const count = code.getModuleCount()
  // Four modules of quiet around it, as readers need; whole pixels, so that no module is blurred.
  const cell = Math.ceil((2 * CODE) / (count + 8))
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = cell * (count + 8)
  const paint = canvas.getContext('2d')!
  paint.fillStyle = '#ffffff'
  paint.fillRect(0, 0, canvas.width, canvas.height)
  paint.fillStyle = '#000000'
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (code.isDark(row, column)) paint.fillRect((column + 4) * cell, (row + 4) * cell, cell, cell)
    }
  }
  return canvas
}

/** Asked for openly (CORS): a picture of a host that does not allow it would make the canvas unreadable. */
function loadPicture(address: string): Promise<HTMLImageElement> {
  return new Promise((resolve, reject) => {
    const picture = new Image()
    picture.crossOrigin = 'anonymous'
    picture.referrerPolicy = 'no-referrer'
    const timer = setTimeout(() => reject(new Error('The picture did not come')), 8000)
    picture.onload = () => {
      clearTimeout(timer)
      resolve(picture)
    }
    picture.onerror = () => {
      clearTimeout(timer)
      reject(new Error('There is no such picture'))
    }
    picture.src = address
  })
}

/** The middle of a picture, filling a square. A drawing without a size of its own is taken to be one. */
function drawCovering(
  paint: CanvasRenderingContext2D,
  picture: HTMLImageElement,
  { x, y, side }: { x: number; y: number; side: number },
): void {
  const width = picture.naturalWidth || side
  const height = picture.naturalHeight || side
  const cut = Math.min(width, height)
  paint.drawImage(picture, (width - cut) / 2, (height - cut) / 2, cut, cut, x, y, side, side)
}

/** Sign by sign, as Chinese is broken; what does not fit ends in dots. */
function wrap(text: string, width: number, widthOf: (text: string) => number, most = TITLE_LINES): string[] {
  const lines: string[] = []
  let line = ''
  for (const sign of text) {
    if (line !== '' && widthOf(line + sign) > width) {
      lines.push(line)
      line = ''
      if (lines.length === most) break
    }
    line += sign
  }
  if (lines.length < most) return line === '' ? lines : [...lines, line]
  let last = [...lines[most - 1]!]
  while (last.length > 0 && widthOf(`${last.join('')}…`) > width) last = last.slice(0, -1)
  return [...lines.slice(0, most - 1), `${last.join('')}…`]
}
