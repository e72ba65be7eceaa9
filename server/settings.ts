import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join, resolve } from 'node:path'
import { isArchivable } from './embedded-postgres/wal-archive.ts'
import { ExitError } from './errors.ts'
import type { ObjectStoreSettings } from './lib/object-store.ts'

/** Everything that the environment decides. Nothing else reads process.env. */
export interface Settings {
  port: number
  host: string
  publicUrl: string
  trustProxy: string[]
  /** `embedded`, or a postgres URL. */
  databaseUrl: string
  migrationDatabaseUrl: string | null
  databaseReplicaUrl: string | null
  dataDir: string
  /** Where the embedded database archives its write-ahead log; null: nowhere. */
  walArchiveDir: string | null
  migrate: boolean
  logLevel: string
  /** Requests a minute per key, person or address; 0 is no limit. */
  rateLimit: number
  bootstrapApiKey: string | null
  bootstrapHeadquarters: string[]
  brandName: string
  brandTimezone: string
  sessionSecret: string
  /** 32 bytes. */
  dataKey: Buffer
  /** Others that open what was sealed with them. */
  formerDataKeys: Buffer[]
  wecom: {
    corpId: string | null
    agentId: string | null
    secret: string | null
    callbackToken: string | null
    callbackAesKey: string | null
    apiUrl: string
    authorizeUrl: string
    scanLoginUrl: string
    verifyFile: { name: string; content: string } | null
  }
  miniProgram: { appId: string | null; secret: string | null; apiUrl: string }
  allowedRedirects: string[]
  /** Where pictures lie; null: in the database. */
  objectStore: ObjectStoreSettings | null
  /** Opens /metrics to whoever has it; null: to this machine and the private network. */
  metricsToken: string | null
  /** Where traces go; null: there are none. */
  tracing: { endpoint: string; serviceName: string; ratio: number } | null
  /** Hosts of the own network that webhooks may be sent to, as `host` or `host:port`. */
  webhookPrivateHosts: string[]
}

type Environment = Readonly<Record<string, string | undefined>>

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/**
 * Reads and checks all settings.
 *
 * @throws ExitError with exit code 2 that names every fault at once
 */
export function readSettings(env: Environment = process.env): Settings {
  const faults: string[] = []
  const text = (name: string) => env[name]?.trim() || null
  const withDefault = (name: string, fallback: string) => text(name) ?? fallback
  const list = (name: string) =>
    (text(name) ?? '')
      .split(',')
      .map(part => part.trim())
      .filter(Boolean)
  const whole = (name: string, fallback: number, least: number, most: number) => {
    const value = text(name)
    if (value === null) return fallback
    if (/^\d+$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value)
    faults.push(`${name} must be a whole number from ${least} to ${most}`)
    return fallback
  }
  const flag = (name: string, fallback: boolean) => {
    const value = text(name)
    if (value === null) return fallback
    if (value === 'true' || value === 'false') return value === 'true'
    faults.push(`${name} must be true or false`)
    return fallback
  }
  const url = (name: string, fallback: string | null, shape: 'origin' | 'whole') => {
    const value = text(name) ?? fallback
    if (value === null) return ''
    const parsed = URL.canParse(value) ? new URL(value) : null
    if (!parsed || !/^https?:$/.test(parsed.protocol)) {
      faults.push(`${name} must be an http or https address`)
      return ''
    }
    if (shape === 'whole') return value
    if (parsed.pathname !== '/' || parsed.search || parsed.hash) {
      faults.push(`${name} must be an origin alone, such as https://example.com`)
    }
    return parsed.origin
  }
  const postgresUrl = (name: string) => {
    const value = text(name)
    if (value === null) return null
    if (!/^postgres(ql)?:\/\//.test(value) || !URL.canParse(value)) {
      faults.push(`${name} must be a postgres:// address`)
    }
    return value
  }

  const databaseUrl = text('DATABASE_URL')
  if (databaseUrl === null) {
    faults.push('DATABASE_URL must be set: a postgres:// address, or the word embedded')
  } else if (databaseUrl !== 'embedded') {
    postgresUrl('DATABASE_URL')
  }
  const isEmbedded = databaseUrl === 'embedded'
  const { dataDir, walArchiveDir } = readPlaces(env)
  if (walArchiveDir !== null && !isEmbedded) {
    faults.push('WAL_ARCHIVE_DIR is for DATABASE_URL=embedded; a PostgreSQL of your own archives by its own settings')
  }
  if (walArchiveDir !== null && !isArchivable(walArchiveDir)) {
    faults.push('WAL_ARCHIVE_DIR must be a path without quotes, backslashes, $ and %; not on Windows')
  }
  const port = whole('PORT', 8686, 0, 65_535)
  const host = withDefault('HOST', '127.0.0.1')
  const logLevel = withDefault('LOG_LEVEL', 'info')
  if (!LOG_LEVELS.includes(logLevel)) faults.push(`LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}`)
  const brandTimezone = withDefault('BRAND_TIMEZONE', 'Asia/Shanghai')
  if (!isTimezone(brandTimezone)) faults.push('BRAND_TIMEZONE must be an IANA name such as Asia/Shanghai')
  const trustProxy = list('TRUST_PROXY')
  for (const address of trustProxy) {
    const [ip, bits] = address.split('/')
    if (!isIP(ip ?? '') || (bits !== undefined && !/^\d{1,3}$/.test(bits))) {
      faults.push(`TRUST_PROXY must list addresses or networks; ${address} is none`)
    }
  }

  const dataKeyText = text('DATA_KEY')
  if (dataKeyText !== null && !isKeyOf32Bytes(dataKeyText)) faults.push('DATA_KEY must be 32 bytes in base64')
  const formerKeyTexts = list('DATA_KEY_OLD')
  if (!formerKeyTexts.every(isKeyOf32Bytes)) {
    faults.push('DATA_KEY_OLD must list keys of 32 bytes in base64, with commas between')
  }
  const sessionSecret = text('SESSION_SECRET')
  if (!isEmbedded && databaseUrl !== null) {
    if (dataKeyText === null) faults.push('DATA_KEY must be set: 32 bytes in base64 (openssl rand -base64 32)')
    if (sessionSecret === null) faults.push('SESSION_SECRET must be set: a long random text')
  }

  const corpId = text('WECOM_CORP_ID')
  const agentId = text('WECOM_AGENT_ID')
  const secret = text('WECOM_SECRET')
  const given = [corpId, agentId, secret].filter(value => value !== null).length
  if (given !== 0 && given !== 3) {
    faults.push('WECOM_CORP_ID, WECOM_AGENT_ID and WECOM_SECRET must be set together')
  }
  const callbackToken = text('WECOM_CALLBACK_TOKEN')
  const callbackAesKey = text('WECOM_CALLBACK_AES_KEY')
  if ((callbackToken === null) !== (callbackAesKey === null)) {
    faults.push('WECOM_CALLBACK_TOKEN and WECOM_CALLBACK_AES_KEY must be set together')
  }
  if (callbackAesKey !== null && !/^[A-Za-z0-9]{43}$/.test(callbackAesKey)) {
    faults.push('WECOM_CALLBACK_AES_KEY must be 43 letters and digits')
  }
  const miniProgram = { appId: text('MINIPROGRAM_APP_ID'), secret: text('MINIPROGRAM_SECRET') }
  const verifyFileText = text('WECOM_VERIFY_FILE')
  const verifyFile = verifyFileText === null ? null : readVerifyFile(verifyFileText)
  if (verifyFileText !== null && verifyFile === null) {
    faults.push('WECOM_VERIFY_FILE must be the name and the content of the file, such as "WW_verify_abc.txt abc"')
  }

  const bucket = {
    bucket: text('S3_BUCKET'),
    accessKeyId: text('S3_ACCESS_KEY_ID'),
    secretAccessKey: text('S3_SECRET_ACCESS_KEY'),
  }
  const bucketGiven = [...Object.values(bucket), text('S3_ENDPOINT')].filter(value => value !== null).length
  if (bucketGiven !== 0 && bucketGiven !== 4) {
    faults.push('S3_ENDPOINT, S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set together')
  }
  if (bucket.bucket !== null && !/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket.bucket)) {
    faults.push('S3_BUCKET must be the name of a bucket')
  }

  const ratioText = withDefault('OTEL_TRACES_SAMPLER_ARG', '1')
  if (!/^(0(\.\d+)?|1(\.0+)?)$/.test(ratioText)) faults.push('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1')

  const settings = {
    port,
    host,
    publicUrl: url('PUBLIC_URL', `http://${host.includes(':') ? `[${host}]` : host}:${port}`, 'origin'),
    trustProxy,
    databaseUrl: databaseUrl ?? '',
    migrationDatabaseUrl: postgresUrl('MIGRATION_DATABASE_URL'),
    databaseReplicaUrl: postgresUrl('DATABASE_REPLICA_URL'),
    dataDir,
    walArchiveDir,
    migrate: flag('MIGRATE', true),
    logLevel,
    rateLimit: whole('RATE_LIMIT', 120_000, 0, 1_000_000_000),
    bootstrapApiKey: text('BOOTSTRAP_API_KEY'),
    bootstrapHeadquarters: list('BOOTSTRAP_HEADQUARTERS'),
    brandName: withDefault('BRAND_NAME', 'Daogou'),
    brandTimezone,
    wecom: {
      corpId,
      agentId,
      secret,
      callbackToken,
      callbackAesKey,
      apiUrl: url('WECOM_API_URL', 'https://qyapi.weixin.qq.com', 'origin'),
      authorizeUrl: url('WECOM_AUTHORIZE_URL', 'https://open.weixin.qq.com/connect/oauth2/authorize', 'whole'),
      scanLoginUrl: url('WECOM_SCAN_LOGIN_URL', 'https://login.work.weixin.qq.com/wwlogin/sso/login', 'whole'),
      verifyFile,
    },
    miniProgram: { ...miniProgram, apiUrl: url('MINIPROGRAM_API_URL', 'https://api.weixin.qq.com', 'origin') },
    allowedRedirects: list('ALLOWED_REDIRECTS').map(entry => entry.toLowerCase()),
    objectStore:
      bucketGiven < 4
        ? null
        : {
            endpoint: url('S3_ENDPOINT', null, 'origin'),
            region: withDefault('S3_REGION', 'us-east-1'),
            bucket: bucket.bucket!,
            accessKeyId: bucket.accessKeyId!,
            secretAccessKey: bucket.secretAccessKey!,
          },
    metricsToken: text('METRICS_TOKEN'),
    tracing:
      text('OTEL_EXPORTER_OTLP_ENDPOINT') === null
        ? null
        : {
            endpoint: url('OTEL_EXPORTER_OTLP_ENDPOINT', null, 'whole').replace(/\/+$/, ''),
            serviceName: withDefault('OTEL_SERVICE_NAME', 'daogou'),
            ratio: Number(ratioText),
          },
    webhookPrivateHosts: list('WEBHOOK_PRIVATE_HOSTS').map(entry => entry.toLowerCase()),
  }
  if (faults.length > 0) {
    throw new ExitError(2, `Settings are wrong:\n${faults.map(fault => `  - ${fault}`).join('\n')}`)
  }
  return {
    ...settings,
    sessionSecret: sessionSecret ?? keptSecret(dataDir, 'session-secret'),
    dataKey: Buffer.from(dataKeyText ?? keptSecret(dataDir, 'data-key'), 'base64'),
    formerDataKeys: formerKeyTexts.map(key => Buffer.from(key, 'base64')),
  }
}

/** Where the embedded database and its log are. Looks nowhere and makes nothing: for what works on folders alone. */
export function readPlaces(env: Environment = process.env): Pick<Settings, 'dataDir' | 'walArchiveDir'> {
  const text = (name: string) => env[name]?.trim() || null
  const archive = text('WAL_ARCHIVE_DIR')
  return { dataDir: resolve(text('DATA_DIR') ?? '.data'), walArchiveDir: archive && resolve(archive) }
}

const isKeyOf32Bytes = (text: string) =>
  /^[A-Za-z0-9+/_-]{43}=?$/.test(text) && Buffer.from(text, 'base64').length === 32

export function isTimezone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

/**
 * `WW_verify_abc.txt abc`, or `WW_verify_abc.txt=abc`; the name alone stands for the content in its middle.
 *
 * @returns null where it is neither
 */
export function readVerifyFile(text: string): { name: string; content: string } | null {
  const match = /^(WW_verify_([A-Za-z0-9]+)\.txt)(?:[\s=:,]+(\S+))?$/.exec(text)
  return match && { name: match[1]!, content: match[3] ?? match[2]! }
}

/** A secret that is made on the first start and kept beside the embedded database. */
function keptSecret(dataDir: string, name: string): string {
  const file = join(dataDir, 'keys', name)
  mkdirSync(dataDir, { recursive: true }) // not closed: as root, the embedded database runs as a user who must enter it
  mkdirSync(join(dataDir, 'keys'), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, randomBytes(32).toString('base64'), { flag: 'wx', mode: 0o600 })
    chmodSync(file, 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return readFileSync(file, 'utf8').trim()
}
