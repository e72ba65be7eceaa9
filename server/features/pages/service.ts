/**
 * Pages that the service itself shows where no app can: a link that is no more, a sign-in that was refused. Plain HTML
 * without scripts, in Chinese and English, so that they work in any old web view and under any policy.
 */
export interface PlainPage {
  titleZh: string
  titleEn: string
  textZh: string
  textEn: string
  /** Shown small, to be told to whoever helps. */
  code?: string
  imageUrl?: string
  action?: { href: string; labelZh: string; labelEn: string }
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
export const escapeHtml = (text: string) => text.replace(/[&<>"']/g, character => ESCAPES[character]!)

export function renderPage(page: PlainPage): string {
  const e = escapeHtml
  return `<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${e(page.titleZh)}</title>
<link rel="stylesheet" href="/pages.css">
</head>
<body>
<main>
${page.imageUrl ? `<img src="${e(page.imageUrl)}" alt="">` : ''}
<h1>${e(page.titleZh)}</h1>
<p>${e(page.textZh)}</p>
<p class="en" lang="en"><strong>${e(page.titleEn)}</strong> ${e(page.textEn)}</p>
${page.action ? `<a class="action" href="${e(page.action.href)}">${e(page.action.labelZh)}<span lang="en">${e(page.action.labelEn)}</span></a>` : ''}
${page.code ? `<p class="code">${e(page.code)}</p>` : ''}
</main>
</body>
</html>
`
}

export const PAGE_CSS = `:root{color-scheme:light dark;--ground:#f4f5f7;--paper:#fff;--ink:#1c1f23;--quiet:#6b7280;--accent:#1663d3}
@media (prefers-color-scheme:dark){:root{--ground:#15181b;--paper:#1f2327;--ink:#f1f3f5;--quiet:#9aa3ad;--accent:#5b9bff}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;align-items:center;justify-content:center;padding:24px;background:var(--ground);color:var(--ink);font:16px/1.6 -apple-system,BlinkMacSystemFont,"PingFang SC","Noto Sans CJK SC","Microsoft YaHei",sans-serif}
main{width:100%;max-width:420px;background:var(--paper);border-radius:16px;padding:32px 24px;text-align:center}
img{width:100%;border-radius:12px;margin-bottom:20px}
h1{font-size:20px;line-height:1.4;margin:0 0 8px}
p{margin:0 0 16px}
.en{color:var(--quiet);font-size:14px}
.code{margin:16px 0 0;color:var(--quiet);font-size:13px;font-variant-numeric:tabular-nums;word-break:break-all}
.action{display:flex;flex-direction:column;justify-content:center;min-height:48px;padding:4px 16px;border-radius:12px;background:var(--accent);color:var(--paper);text-decoration:none;font-weight:600}
.action span{font-size:12px;font-weight:400;opacity:.85}
`
