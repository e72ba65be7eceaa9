import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../errors.ts'
import { PAGE_CSS, renderPage } from '../features/pages/service.ts'
import type { Instant } from '../lib/time.ts'
import { sidebarPage, type SignerOf } from './sidebar-page.ts'

/** The built apps, beside the sources or inside dist/. */
export function webFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return join(folder, 'dist', 'web')
}

/** Pages and files for browsers: the apps, our own plain pages' style, WeCom's file of the trusted domain. */
export async function web(
  app: FastifyInstance,
  options: {
    /** The folder of the built apps. */
    root: string
    /** Of every brand: they share the domain. */
    verifyFiles: () => readonly { name: string; content: string }[]
    signerOf: SignerOf
    now: () => Instant
  },
): Promise<void> {
  app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('/sidebar/', 302))
  app.get('/pages.css', { schema: { hide: true } }, (_request, reply) =>
    reply.type('text/css; charset=utf-8').header('cache-control', 'public, max-age=3600').send(PAGE_CSS),
  )
  app.get<{ Params: { name: string } }>(
    '/:name(^WW_verify_[A-Za-z0-9]+\\.txt$)',
    { schema: { hide: true } },
    (request, reply) => {
      const file = options.verifyFiles().find(({ name }) => name === request.params.name)
      if (!file) throw new AppError('not_found', 'There is nothing here.')
      return reply.type('text/plain; charset=utf-8').send(file.content)
    },
  )
  const { root } = options
  for (const name of ['sidebar', 'console']) {
    if (!existsSync(join(root, name, 'index.html'))) continue
    app.get(`/${name}`, { schema: { hide: true } }, (_request, reply) => reply.redirect(`/${name}/`, 302))
  }
  sidebarPage(app, { ...options, file: join(root, 'sidebar', 'index.html') })
  if (existsSync(join(root, 'console', 'index.html'))) {
    app.get('/console/', { schema: { hide: true } }, (_request, reply) =>
      reply.header('cache-control', 'no-cache').sendFile(join('console', 'index.html')),
    )
  }
  if (existsSync(root)) {
    await app.register(fastifyStatic, {
      root,
      prefix: '/',
      index: false,
      wildcard: false,
      // The build lays packed copies beside the files; they have no addresses of their own.
      preCompressed: true,
      globIgnore: ['**/*.br', '**/*.gz', 'sidebar/index.html'],
      // Files carry a hash of their content in their names; pages and the sidebar's worker do not.
      setHeaders: (reply, path) => {
        if (path.endsWith('worker.js')) reply.header('cache-control', 'no-cache')
        else if (!path.endsWith('.html')) reply.header('cache-control', 'public, max-age=31536000, immutable')
      },
      cacheControl: false,
    })
  } else {
    app.get('/sidebar/', { schema: { hide: true } }, (_request, reply) =>
      reply
        .code(503)
        .type('text/html; charset=utf-8')
        .send(
          renderPage({
            titleZh: '界面尚未构建',
            titleEn: 'The pages are not built.',
            textZh: '请运行 npm run build，然后重启服务。',
            textEn: 'Run npm run build and restart the service.',
          }),
        ),
    )
  }
}
