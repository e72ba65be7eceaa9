import { deflateSync } from 'node:zlib'

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

function crc32(bytes: Buffer): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length, 0)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}

function draw(): Buffer {
  const rows = Buffer.alloc(SIZE * (1 + SIZE * 3))
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) rows.set(isInk(x, y) ? INK : GROUND, y * (1 + SIZE * 3) + 1 + x * 3)
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(SIZE, 0)
  header.writeUInt32BE(SIZE, 4)
  header.set([8, 2, 0, 0, 0], 8) // 8 bits, RGB
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** A PNG of 240 × 240. */
export const sharePicture: Buffer = draw()
