import { Buffer } from 'node:buffer'
import { hash } from 'node:crypto'
import { DAY_MS, type Instant } from '../../server/lib/time.ts'
import type { Random } from './random.ts'

/** What a buffer has room for before anything is known of what comes. */
const CAPACITY_MIN = 32 * 1024
/** PostgreSQL counts from 2000, in microseconds. */
const EPOCH_MS = Date.UTC(2000, 0, 1)
const TEXT_OID = 25

/** Bytes that are written one after the other. Characters one by one: for keys that is several times as fast. */
export class ByteBuffer {
  protected bytes: Buffer
  protected length = 0

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafe(capacity)
  }

  written(): Buffer {
    return this.bytes.subarray(0, this.length)
  }

  clear(): void {
    this.length = 0
  }

  protected reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return
    const larger = Buffer.allocUnsafe(2 * (this.length + count))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }

  /** Any text, in UTF-8. */
  add(text: string): this {
    this.reserve(3 * text.length)
    const { bytes, length } = this
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code > 127) {
        this.length += bytes.write(text, length)
        return this
      }
      bytes[length + i] = code
    }
    this.length += text.length
    return this
  }

  addBytes(part: Uint8Array): this {
    this.reserve(part.length)
    this.bytes.set(part, this.length)
    this.length += part.length
    return this
  }

  /** A whole number, 0 or more, in digits. */
  addNumber(value: number): this {
    if (value > 0x7fff_ffff) return this.add(String(value))
    let count = 1
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) count++
    this.reserve(count)
    this.length += count
    for (let rest = value, at = this.length - 1; count > 0; count--, at--) {
      const tens = Math.floor(rest / 10)
      this.bytes[at] = 0x30 + rest - 10 * tens
      rest = tens
    }
    return this
  }

  /** RFC 3339 in UTC with milliseconds, as `formatInstant` writes it. */
  addInstant(instant: Instant): this {
    const day = Math.floor(instant / DAY_MS)
    const ms = instant - day * DAY_MS
    const seconds = Math.floor(ms / 1000)
    const minutes = Math.floor(seconds / 60)
    this.add(dayText(day))
    this.reserve(13)
    this.#twoDigits(Math.floor(minutes / 60), 0x3a)
    this.#twoDigits(minutes % 60, 0x3a)
    this.#twoDigits(seconds % 60, 0x2e)
    const rest = ms - seconds * 1000
    const tens = Math.floor(rest / 10)
    this.#twoDigits(tens, 0x30 + (rest - tens * 10))
    this.bytes[this.length++] = 0x5a
    return this
  }

  #twoDigits(value: number, then: number): void {
    const { bytes, length } = this
    const tens = Math.floor(value / 10)
    bytes[length] = 0x30 + tens
    bytes[length + 1] = 0x30 + value - 10 * tens
    bytes[length + 2] = then
    this.length += 3
  }
}

const days = new Map<number, string>()

/** `2026-03-01T` */
function dayText(day: number): string {
  const known = days.get(day)
  if (known !== undefined) return known
  const text = new Date(day * DAY_MS).toISOString().slice(0, 11)
  days.set(day, text)
  return text
}

/** Rows of a table, each as its columns one after the other, in COPY's binary format. */
export class RowBuffer extends ByteBuffer {
  readonly #columns: number
  rows = 0

  constructor(columns: number) {
    super(CAPACITY_MIN)
    this.#columns = columns
  }

  get size(): number {
    return this.length
  }

  /** Hands over what was written so far, in memory of its own. */
  take(): Buffer {
    const taken = this.written()
    this.bytes = Buffer.allocUnsafe(Math.max(CAPACITY_MIN, Math.ceil(1.1 * taken.length)))
    this.length = 0
    return taken
  }

  /** Begins a row; every column has to follow. */
  row(): this {
    this.rows++
    return this.#int16(this.#columns)
  }

  null(): this {
    return this.#int32(-1)
  }

  text(value: string | null | undefined): this {
    if (value == null) return this.null()
    const at = this.length
    this.#int32(0).add(value)
    return this.#setSize(at)
  }

  int4(value: number | null): this {
    return value === null ? this.null() : this.#int32(4).#int32(value)
  }

  int8(value: number | null): this {
    return value === null ? this.null() : this.#int32(8).#int64(value)
  }

  boolean(value: boolean | null): this {
    if (value === null) return this.null()
    this.#int32(1)
    this.reserve(1)
    this.bytes[this.length++] = value ? 1 : 0
    return this
  }

  instant(value: Instant | null | undefined): this {
    return value == null ? this.null() : this.#int32(8).#int64((value - EPOCH_MS) * 1000)
  }

  bytea(value: Uint8Array | null): this {
    return value === null ? this.null() : this.#int32(value.length).addBytes(value)
  }

  /** The SHA-256 of what was written elsewhere. */
  sha256(content: ByteBuffer): this {
    const digest = hash('sha256', content.written(), 'binary') // a Buffer takes twice as long to make
    this.#int32(digest.length)
    this.reserve(digest.length)
    for (let i = 0; i < digest.length; i++) this.bytes[this.length++] = digest.charCodeAt(i)
    return this
  }

  jsonb(value: unknown): this {
    const at = this.length
    this.#int32(0).#jsonbVersion().add(JSON.stringify(value))
    return this.#setSize(at)
  }

  /** JSON that is written already. */
  jsonbOf(json: ByteBuffer): this {
    const written = json.written()
    return this.#int32(written.length + 1)
      .#jsonbVersion()
      .addBytes(written)
  }

  #jsonbVersion(): this {
    this.reserve(1)
    this.bytes[this.length++] = 1
    return this
  }

  /** A list of texts; `text[]`. */
  texts(values: readonly string[]): this {
    const at = this.length
    this.#int32(0)
      .#int32(values.length === 0 ? 0 : 1)
      .#int32(0)
      .#int32(TEXT_OID)
    if (values.length > 0) this.#int32(values.length).#int32(1)
    for (const value of values) this.text(value)
    return this.#setSize(at)
  }

  /** A UUID of version 7, whose random part is drawn. */
  uuid(random: Random, at: Instant): this {
    const high = Math.floor(at / 65_536)
    const low = at - high * 65_536
    const drawn = random.bits()
    return this.#int32(16)
      .#int32(high)
      .#int32((low << 16) | 0x7000 | (drawn & 0xfff))
      .#int32(0x8000_0000 | (random.bits() >>> 2))
      .#int32(random.bits())
  }

  #setSize(at: number): this {
    const end = this.length
    this.length = at
    this.#int32(end - at - 4)
    this.length = end
    return this
  }

  #int16(value: number): this {
    this.reserve(2)
    const { bytes, length } = this
    bytes[length] = value >>> 8
    bytes[length + 1] = value
    this.length += 2
    return this
  }

  #int32(value: number): this {
    this.reserve(4)
    const { bytes, length } = this
    bytes[length] = value >>> 24
    bytes[length + 1] = value >>> 16
    bytes[length + 2] = value >>> 8
    bytes[length + 3] = value
    this.length += 4
    return this
  }

  #int64(value: number): this {
    const high = Math.floor(value / 4_294_967_296)
    return this.#int32(high).#int32(value - high * 4_294_967_296)
  }
}
