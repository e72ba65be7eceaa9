import { createHash, createHmac } from 'node:crypto'

/** Files in a bucket that speaks Amazon S3's API: AWS, Alibaba Cloud OSS, Tencent Cloud COS, MinIO. */
export interface ObjectStore {
  /** The same key again is the same file. @throws ObjectStoreError */
  put(key: string, file: { type: string; bytes: Uint8Array }): Promise<void>
  /** @returns null where there is none. @throws ObjectStoreError */
  get(key: string): Promise<Buffer | null>
}

export interface ObjectStoreSettings {
  /** Origin, such as https://s3.example.com; the bucket is the first part of the path. */
  endpoint: string
  region: string
  bucket: string
  accessKeyId: string
  secretAccessKey: string
}

export class ObjectStoreError extends Error {}

const TIMEOUT_MS = 15_000

export function createObjectStore(settings: ObjectStoreSettings, now: () => number = Date.now): ObjectStore {
  const send = async (method: 'GET' | 'PUT', key: string, file?: { type: string; bytes: Uint8Array }) => {
    const url = new URL(`${settings.endpoint}/${settings.bucket}/${key}`)
    const headers = signedHeaders(settings, {
      method,
      url,
      headers: file ? { 'content-type': file.type } : {},
      body: file?.bytes ?? new Uint8Array(),
      now: now(),
    })
    try {
      const body = file ? { body: Buffer.from(file.bytes) } : {}
      return await fetch(url, { method, headers, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS), ...body })
    } catch (error) {
      throw new ObjectStoreError(`${method} did not reach the object storage`, { cause: error })
    }
  }
  return {
    async put(key, file) {
      const answer = await send('PUT', key, file)
      await answer.body?.cancel()
      if (!answer.ok) throw new ObjectStoreError(`the object storage answered ${answer.status} to PUT`)
    },
    async get(key) {
      const answer = await send('GET', key)
      if (answer.ok) return Buffer.from(await answer.arrayBuffer())
      await answer.body?.cancel()
      if (answer.status === 404) return null
      throw new ObjectStoreError(`the object storage answered ${answer.status} to GET`)
    },
  }
}

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()

/**
 * The headers of a request with its signature, version 4 of AWS. Keys must need no escaping in a path, and there must be
 * no query.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function signedHeaders(
  settings: Pick<ObjectStoreSettings, 'region' | 'accessKeyId' | 'secretAccessKey'>,
  request: { method: string; url: URL; headers: Readonly<Record<string, string>>; body: Uint8Array; now: number },
): Record<string, string> {
  const { region, accessKeyId, secretAccessKey } = settings
  const { method, url, body } = request
  const time = new Date(request.now).toISOString().replace(/[-:]|\.\d+/g, '')
  const day = time.slice(0, 8)
  const headers: Record<string, string> = {
    ...request.headers,
    host: url.host,
    'x-amz-content-sha256': sha256(body),
    'x-amz-date': time,
  }
  const names = Object.keys(headers).sort()
  const canonical = [
    method,
    url.pathname,
    '',
    ...names.map(name => `${name}:${headers[name]!.trim()}`),
    '',
    names.join(';'),
    headers['x-amz-content-sha256'],
  ].join('\n')
  const scope = `${day}/${region}/s3/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n')
  const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`)
  const signature = createHmac('sha256', key).update(toSign).digest('hex')
  const { host: _, ...sent } = headers
  return {
    ...sent,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope},SignedHeaders=${names.join(';')},Signature=${signature}`,
  }
}
