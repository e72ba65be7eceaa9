/**
 * What a file's bytes mean, and its text in pieces. Tills and spreadsheets in China write UTF-8, with and without a
 * mark at the start, and GB18030 (which reads GBK and GB2312 too); none of them says which.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { TextDecoder } from 'node:util'

export const encodings = ['utf-8', 'gb18030', 'utf-16le', 'utf-16be'] as const
export type Encoding = (typeof encodings)[number]

export type Survey = {
  readonly encoding: Encoding
  readonly bytes: number
  /** SHA-256 of the content, by which an interrupted import knows its file again */
  readonly digest: string
}

/**
 * Reads the file once from end to end: its mark, else whether all of it is UTF-8, else GB18030. The start alone would
 * not do: the first name with a Chinese character may stand a million lines down.
 *
 * @param known skips the guess
 */
export async function surveyFile(file: string, known?: Encoding): Promise<Survey> {
  const digest = createHash('sha256')
  const strict = new TextDecoder('utf-8', { fatal: true })
  let isUtf8 = true
  let bytes = 0
  let start = Buffer.alloc(0)
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    if (start.length < 3) start = Buffer.concat([start, chunk.subarray(0, 3)])
    bytes += chunk.length
    digest.update(chunk)
    if (isUtf8) isUtf8 = decodes(strict, chunk)
  }
  if (isUtf8) isUtf8 = decodes(strict)
  const encoding = known ?? markedEncoding(start) ?? (isUtf8 ? 'utf-8' : 'gb18030')
  return { encoding, bytes, digest: digest.digest('hex') }
}

/**
 * The text of bytes that are held in memory, found out in the same way.
 *
 * @throws TypeError where they are of no encoding that is known
 */
export function decodeBytes(bytes: Buffer): { encoding: Encoding; text: string } {
  const isUtf8 = decodes(new TextDecoder('utf-8', { fatal: true }), bytes)
  const encoding = markedEncoding(bytes) ?? (isUtf8 ? 'utf-8' : 'gb18030')
  return { encoding, text: new TextDecoder(encoding, { fatal: true }).decode(bytes) }
}

/**
 * The file's text, piece by piece, without the mark at its start.
 *
 * @param onBytes told of the bytes read so far, for a progress bar
 * @throws TypeError where the bytes are not of this encoding: guessing on would put � into names and ids
 */
export async function* readText(
  file: string,
  encoding: Encoding,
  onBytes: (bytesRead: number) => void = () => {},
): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  let bytesRead = 0
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    bytesRead += chunk.length
    onBytes(bytesRead)
    yield decoder.decode(chunk, { stream: true })
  }
  yield decoder.decode()
}

function markedEncoding(start: Buffer): Encoding | undefined {
  if (start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf) return 'utf-8'
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le'
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be'
  return undefined
}

function decodes(decoder: TextDecoder, chunk?: Buffer): boolean {
  try {
    decoder.decode(chunk, { stream: chunk !== undefined })
    return true
  } catch {
    return false
  }
}
