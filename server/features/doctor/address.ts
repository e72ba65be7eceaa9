import { DEFAULT_BRAND_SLUG } from '../auth/service.ts'
import { bad, good, isLocalHost, unknown, type Finding } from './domain.ts'
import type { Examined } from './service.ts'

const PATIENCE_MS = 10_000
const OFFICIAL_API = 'https://qyapi.weixin.qq.com'

/** What somebody else gets at one of our addresses. */
export async function getOwn(
  url: string,
  patienceMs = PATIENCE_MS,
): Promise<{ status: number; text: string; ms: number } | { fault: string }> {
  // prettier-ignore
  const begunMs = performance.now()
  try {
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(patienceMs) })
    const text = await answer.text()
    return { status: answer.status, text, ms: Math.round(performance.now() - begunMs) }
  } catch (error) {
    const { cause } = error as { cause?: { code?: string; message?: string } }
    return { fault: cause?.code ?? cause?.message ?? (error as Error).name }
  }
}

/** The address that people and WeCom reach us by, and WeCom's proof that it is ours. */
export async function* examineAddress({ settings, brand }: Examined): AsyncGenerator<Finding> {
  const { publicUrl } = settings
  const { protocol, hostname } = new URL(publicUrl)
  const isRehearsal = settings.wecom.apiUrl !== OFFICIAL_API
  if (protocol === 'https:' && !isLocalHost(hostname)) {
    yield good('address.https', `PUBLIC_URL is ${publicUrl}.`)
  } else {
    const found = `PUBLIC_URL is ${publicUrl}: ${protocol === 'https:' ? 'nobody else can reach that' : 'WeCom’s sidebar opens https pages only'}.`
    yield isRehearsal
      ? unknown('address.https', `${found} For a simulated WeCom (WECOM_API_URL) it will do.`)
      : bad(
          'address.https',
          found,
          'Put a proxy with a certificate before the service, on a domain whose ICP filing (备案) is the corporation’s, and set PUBLIC_URL to it.',
        )
  }
  const alive = await getOwn(`${publicUrl}/healthz`)
  const isAlive = 'status' in alive && alive.status === 200 && alive.text.includes('alive')
  yield isAlive
    ? good('address.reachable', 'The service answers there.')
    : bad(
        'address.reachable',
        `The service does not answer at ${publicUrl}/healthz (${'fault' in alive ? alive.fault : `HTTP ${alive.status}`}).`,
        'Start the service (npm start); then check DNS, the certificate, and that the proxy leads to HOST and PORT as they are set.',
      )
  const { verifyFile } = brand
  const step = 'address.verify_file'
  if (!verifyFile) {
    yield unknown(
      step,
      'There is no WW_verify file.',
      `WeCom gives one under 应用管理 → the app → 网页授权及JS-SDK → 申请校验域名; ${settingOf(brand.slug, 'WECOM_VERIFY_FILE', '--verify-file')}. Not needed where the domain is verified already.`,
    )
  } else if (!isAlive) {
    yield unknown(step, `Whether ${verifyFile.name} is served was not looked at: the service does not answer.`)
  } else {
    const file = await getOwn(`${publicUrl}/${verifyFile.name}`)
    yield 'status' in file && file.status === 200 && file.text === verifyFile.content
      ? good(step, `${verifyFile.name} is served at the root.`)
      : bad(
          step,
          `${publicUrl}/${verifyFile.name} is not what it should be (${'fault' in file ? file.fault : `HTTP ${file.status}`}).`,
          'Let the proxy hand this path on as it is, without a login or a page of its own; restart the service after a change of its settings.',
        )
  }
}

/** How a setting is set: that of the default brand in the environment, that of others by the tool. */
export const settingOf = (slug: string, name: string, option: string): string =>
  slug === DEFAULT_BRAND_SLUG ? `set ${name}` : `run npm run brands -- set ${slug} ${option}`
