import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { threadId } from 'node:worker_threads'

const cache = fileURLToPath(new URL('../../node_modules/.cache/daogou-bench/', import.meta.url))

export async function load(url, context, nextLoad) {
  if (!url.endsWith('.ts')) return await nextLoad(url, context)
  const source = await readFile(new URL(url), 'utf8')
  const kept = join(cache, `${createHash('sha256').update(source).digest('hex')}.js`)
  const known = await readFile(kept, 'utf8').catch(() => null)
  return { format: 'module', source: known ?? (await transpile(source, kept)), shortCircuit: true }
}

/** Kept, since the compiler takes longer to load than all of our files. */
async function transpile(source, kept) {
  const { default: ts } = await import('typescript')
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
  })
  const draft = `${kept}.${process.pid}-${threadId}`
  await mkdir(cache, { recursive: true })
  await writeFile(draft, outputText)
  await rename(draft, kept)
  return outputText
}
