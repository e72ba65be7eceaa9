import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import type { PageSignatures } from '../features/session/schema.ts'
import { escapeHtml } from '../features/pages/service.ts'
import type { Instant } from '../lib/time.ts'

/**
 * For how long a browser takes the page for the newest, at most: it is opened anew beside chat after chat, on phones
 * that feel each round to us. It holds nothing of anybody.
 */
const FRESH_SECONDS = 600
/** With less than this left, signatures might run out between the page and WeCom. */
const LEFT_SECONDS_MIN = 30

/** Who signs a page of ours, told by its path and query; null where nobody does. */
export type SignerOf = (page: string) => Promise<PageSigner | null>

export interface PageSigner {
  /** As what it signs: another app makes another page. */
  app: object
  /** null where it cannot be had at once. */
  sign: () => Promise<PageSignatures | null>
}

interface Kept {
  packed: Record<'identity' | 'gzip' | 'br', Buffer>
  etag: string
  until: Instant
}

/** The page with the signatures of its address, so that its first script need not ask for them. */
export function withSignatures(html: string, signatures: PageSignatures): string {
  const meta = `<meta name="wecom-signatures" content="${escapeHtml(JSON.stringify(signatures))}" />`
  return html.replace(/(<meta charset[^>]*>)/, (charset: string) => charset + meta)
}

/** The policy, for a page whose first script stands in it: no other one may run. */
export function policyOf(policy: string, html: string): string {
  const [, script] = /<script>([\s\S]*?)<\/script>/.exec(html) ?? []
  if (script === undefined) return policy
  return policy.replace("script-src 'self'", `$& 'sha256-${createHash('sha256').update(script).digest('base64')}'`)
}

/**
 * Serves the sidebar's page, signed for WeCom's SDK where the service has the tickets at hand. Signed once while the
 * tickets last, it stays the same page, so that a browser that has it is told so.
 */
export function sidebarPage(
  app: FastifyInstance,
  { file, signerOf, now }: { file: string; signerOf: SignerOf; now: () => Instant },
): void {
  if (!existsSync(file)) return
  const html = readFileSync(file, 'utf8')
  const pages = new WeakMap<object, Map<string, Kept>>()

  const keep = async (text: string, until: Instant): Promise<Kept> => {
    const [gz, br] = await Promise.all([
      promisify(gzip)(text, { level: 9 }),
      promisify(brotliCompress)(text, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: text.length } }),
    ])
    const etag = `W/"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
    return { packed: { identity: Buffer.from(text), gzip: gz, br }, etag, until }
  }
  let plain: Promise<Kept> | null = null

  /** The page as it is signed now; null where it is not. */
  const signed = async (page: string): Promise<Kept | null> => {
    const signer = await signerOf(page)
    if (!signer) return null
    const ofSigner = pages.get(signer.app) ?? new Map<string, Kept>()
    pages.set(signer.app, ofSigner)
    const kept = ofSigner.get(page)
    if (kept && kept.until > now()) return kept
    const signatures = await signer.sign()
    if (!signatures || signatures.validSeconds <= LEFT_SECONDS_MIN) return null
    const until = now() + (signatures.validSeconds - LEFT_SECONDS_MIN) * 1000
    const fresh = await keep(withSignatures(html, signatures), until)
    ofSigner.set(page, fresh)
    return fresh
  }

  app.get('/sidebar/', { schema: { hide: true } }, async (request, reply) => {
    // Unsigned it works as well: its script asks then, and says what is wrong.
    const kept = await signed(request.url).catch((error: unknown) => {
      request.log.warn({ err: error }, 'the page was not signed')
      return null
    })
    const { packed, etag } = kept ?? (await (plain ??= keep(html, Infinity)))
    const freshSeconds = kept ? Math.min(FRESH_SECONDS, Math.floor((kept.until - now()) / 1000)) : 0
    void reply
      .type('text/html; charset=utf-8')
      .header('cache-control', freshSeconds > 0 ? `private, max-age=${freshSeconds}` : 'no-cache')
      .header('content-security-policy', policyOf(String(reply.getHeader('content-security-policy')), html))
      .header('etag', etag)
      .header('vary', 'accept-encoding')
    if (request.headers['if-none-match']?.includes(etag)) return await reply.code(304).send()
    const taken = request.headers['accept-encoding'] ?? ''
    const encoding = (['br', 'gzip'] as const).find(one => new RegExp(`\\b${one}\\b`).test(taken)) ?? 'identity'
    if (encoding !== 'identity') void reply.header('content-encoding', encoding)
    return await reply.send(packed[encoding])
  })
}
