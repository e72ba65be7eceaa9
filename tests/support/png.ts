import { inflateSync } from 'node:zlib'

/** A grey PNG of 8 bits, read as far as a test asks. @throws where it is none */
export function decode(bytes: Buffer): { width: number; height: number; inkPercent: number } {
  if (bytes.subarray(0, 8).toString('hex') !== '89504e470d0a1a0a') throw new Error('no PNG')
  const width = bytes.readUInt32BE(16)
  const height = bytes.readUInt32BE(20)
  const at = bytes.indexOf('IDAT')
  const rows = inflateSync(bytes.subarray(at + 4, at + 4 + bytes.readUInt32BE(at - 4)))
  const ink = rows.filter((value, i) => i % (width + 1) !== 0 && value === 0).length
  return { width, height, inkPercent: Math.round((ink / (width * height)) * 100) }
}
