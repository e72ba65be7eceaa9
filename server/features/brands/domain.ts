/** What is kept sealed of a brand. */
export interface BrandSecrets {
  secret: string
  callbackToken: string | null
  callbackAesKey: string | null
  miniProgramSecret: string | null
}

/** By the names that the default brand's have in the environment. */
export const SECRET_NAMES = {
  secret: 'WECOM_SECRET',
  callbackToken: 'WECOM_CALLBACK_TOKEN',
  callbackAesKey: 'WECOM_CALLBACK_AES_KEY',
  miniProgramSecret: 'MINIPROGRAM_SECRET',
} as const satisfies Record<keyof BrandSecrets, string>

/** What a brand is set up with. */
export interface BrandSetup {
  name: string
  zone: string
  corpId: string
  agentId: string
  secrets: BrandSecrets
  /** As WECOM_VERIFY_FILE. */
  verifyFile: string | null
  miniProgramAppId: string | null
  /** WeCom userids that are headquarters from the start. */
  headquarters: readonly string[]
}

/** It stands in addresses: `/sidebar/?brand=slug`, `/wecom/callback/slug`. */
export const isSlug = (text: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(text)

/** WeCom's EncodingAESKey. */
export const isAesKey = (text: string): boolean => /^[A-Za-z0-9]{43}$/.test(text)

/**
 * Secrets as `NAME=value` lines, as in an env file; what is said of no name, or said empty, is not there.
 *
 * @returns the lines' names that are none of ours beside them
 */
export function readSecrets(text: string): { secrets: Partial<BrandSecrets>; unknown: string[] } {
  const secrets: Partial<BrandSecrets> = {}
  const unknown: string[] = []
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Z_]+)\s*=\s*(["']?)(.*?)\2\s*$/.exec(line)
    if (!match) {
      // What is on the line may be a secret: it is not repeated.
      if (line.trim() !== '' && !line.trim().startsWith('#')) unknown.push('a line without NAME=')
      continue
    }
    const field = (Object.keys(SECRET_NAMES) as (keyof BrandSecrets)[]).find(key => SECRET_NAMES[key] === match[1])
    if (field === undefined) unknown.push(match[1]!)
    else if (match[3] !== '') secrets[field] = match[3]!
    else if (field !== 'secret') secrets[field] = null
  }
  return { secrets, unknown }
}
