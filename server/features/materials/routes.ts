import { Type } from 'typebox'
import type { FastifyInstance } from 'fastify'
import type { Pool } from '../../database.ts'
import { AppError } from '../../errors.ts'
import type { ObjectStore } from '../../lib/object-store.ts'
import type { Instant } from '../../lib/time.ts'
import type { Access } from '../../plugins/access.ts'
import {
  FiguresQuery,
  MaterialBody,
  MaterialFacets,
  MaterialFigures,
  MaterialPage,
  MaterialParams,
  MaterialQuery,
  NewMaterialBody,
  PICTURE_BYTES_MAX,
  ShownMaterial,
  UploadedPicture,
} from './schema.ts'
import {
  changeMaterial,
  createMaterial,
  deleteMaterial,
  listMaterials,
  readFacets,
  readFigures,
  readMaterial,
  readUploaded,
  restoreMaterial,
  uploadPicture,
} from './service.ts'

const PictureParams = Type.Object({ pictureId: Type.String({ maxLength: 80 }) })

export function materialRoutes(
  app: FastifyInstance,
  options: { pool: Pool; objects: ObjectStore | null; access: Access; now: () => Instant },
): void {
  const { pool, objects, access, now } = options
  const tags = ['materials']
  app.get(
    '/materials',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'What is laid out to be shared, newest first',
        querystring: MaterialQuery,
        response: { 200: MaterialPage },
      },
    },
    ({ caller, query }) => listMaterials(pool, { brandId: caller.brandId, now: now(), query: query as MaterialQuery }),
  )
  app.get(
    '/materials/facets',
    {
      onRequest: access.readBrand,
      schema: { tags, summary: 'Campaigns and categories that there are', response: { 200: MaterialFacets } },
    },
    ({ caller }) => readFacets(pool, caller.brandId),
  )
  app.get(
    '/materials/figures',
    {
      onRequest: access.readBrand,
      schema: {
        tags,
        summary: 'What came of the links to materials that were made in the last 90 days',
        querystring: FiguresQuery,
        response: { 200: MaterialFigures },
      },
    },
    ({ caller, query }) =>
      readFigures(pool, {
        brandId: caller.brandId,
        now: now(),
        materialIds: (query as FiguresQuery).materialIds.split(','),
      }),
  )
  app.post(
    '/materials',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Lay something out to be shared',
        body: NewMaterialBody,
        response: { 200: ShownMaterial, 201: ShownMaterial },
      },
    },
    async ({ caller, body }, reply) => {
      const { isNew, material } = await createMaterial(pool, { caller, now: now(), body: body as NewMaterialBody })
      return await reply.code(isNew ? 201 : 200).send(material)
    },
  )
  app.get(
    '/materials/:materialId',
    {
      onRequest: access.readBrand,
      schema: { tags, summary: 'One material', params: MaterialParams, response: { 200: ShownMaterial } },
    },
    ({ caller, params }) => readMaterial(pool, caller.brandId, (params as MaterialParams).materialId),
  )
  app.put(
    '/materials/:materialId',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Change a material; what is absent is cleared',
        params: MaterialParams,
        body: MaterialBody,
        response: { 200: ShownMaterial },
      },
    },
    ({ caller, params, body }) =>
      changeMaterial(pool, { caller, now: now(), ...(params as MaterialParams), body: body as MaterialBody }),
  )
  app.delete(
    '/materials/:materialId',
    {
      onRequest: access.admin,
      schema: { tags, summary: 'Take a material away; links that lead to it go on', params: MaterialParams },
    },
    async ({ caller, params }, reply) => {
      await deleteMaterial(pool, { caller, now: now(), ...(params as MaterialParams) })
      return await reply.code(204).send()
    },
  )

  app.post(
    '/materials/:materialId/restore',
    {
      onRequest: access.admin,
      schema: {
        tags,
        summary: 'Bring back a material that was taken away',
        params: MaterialParams,
        body: Type.Object({}, { additionalProperties: false }),
        response: { 200: ShownMaterial },
      },
    },
    ({ caller, params }) => restoreMaterial(pool, { caller, now: now(), ...(params as MaterialParams) }),
  )

  // On its own: no other route takes a picture as its body.
  void app.register((pictures, _options, done) => {
    pictures.addContentTypeParser(
      ['image/png', 'image/jpeg'],
      { parseAs: 'buffer', bodyLimit: PICTURE_BYTES_MAX },
      (_request, bytes, parsed) => parsed(null, bytes),
    )
    pictures.post(
      '/materials/pictures',
      {
        onRequest: access.admin,
        bodyLimit: PICTURE_BYTES_MAX,
        schema: {
          tags,
          summary: 'Upload a picture: a PNG or JPEG file of 2 MB at most as the body',
          response: { 200: UploadedPicture },
        },
      },
      ({ caller, body }) => {
        if (!Buffer.isBuffer(body)) {
          throw new AppError('unsupported_media_type', 'Send the picture itself, as image/png or image/jpeg.')
        }
        return uploadPicture(pool, { caller, now: now(), bytes: body, objects })
      },
    )
    done()
  })
  app.get('/pictures/:pictureId', { schema: { hide: true, params: PictureParams } }, async ({ params }, reply) => {
    const { type, bytes } = await readUploaded(pool, { ...(params as { pictureId: string }), objects })
    return await reply.type(type).header('cache-control', 'public, max-age=31536000, immutable').send(bytes)
  })
}
