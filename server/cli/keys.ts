/** `npm run keys -- create | list | revoke`: API keys of a brand. */
import { KEY_SCOPES, type KeyScope } from '../features/auth/domain.ts'
import { createKey, DEFAULT_BRAND_ID, listKeys, revokeKey } from '../features/auth/service.ts'
import { chooseBrand } from '../features/brands/service.ts'
import { formatInstant } from '../lib/time.ts'
import { readArguments, runCommand, say, withData, wrongArguments, type CommandContext } from './command.ts'

const usage = `npm run keys -- create --scopes ${KEY_SCOPES.join(',')} [--name NAME] [--brand SLUG]
npm run keys -- list [--brand SLUG]
npm run keys -- revoke KEY_ID [--brand SLUG]

  --scopes   what the key may do: ${KEY_SCOPES.join(', ')}; several with commas between
  --name     how lists and the record call it; the scopes unless said
  --brand    a brand that \`npm run brands\` made; the default one unless said
`

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

await runCommand(async argv => {
  const { values, positionals } = readArguments(argv, usage, {
    allowPositionals: true,
    options: { scopes: { type: 'string' }, name: { type: 'string' }, brand: { type: 'string' } },
  })
  const [action, keyId, ...rest] = positionals
  if (rest.length > 0) throw wrongArguments(`There is too much: ${rest.join(' ')}`, usage)
  const withBrand = (work: (context: CommandContext, brandId: number) => Promise<number>) =>
    withData(async context => {
      const { brandId } = await chooseBrand(context.pool, { slug: values.brand, fallback: DEFAULT_BRAND_ID })
      return await work(context, brandId)
    })
  switch (action) {
    case 'create': {
      const scopes = readScopes(values.scopes)
      const name = values.name?.trim() || scopes.join(',')
      return await withBrand((context, brandId) => create(context, { brandId, name, scopes }))
    }
    case 'list':
      return await withBrand(list)
    case 'revoke':
      if (keyId === undefined || !UUID.test(keyId)) {
        throw wrongArguments('revoke needs the id of a key, as list shows it', usage)
      }
      return await withBrand((context, brandId) => revoke(context, { brandId, keyId }))
    default:
      throw wrongArguments('Say create, list or revoke', usage)
  }
})

function readScopes(text: string | undefined): KeyScope[] {
  const named = (text ?? '')
    .split(',')
    .map(part => part.trim())
    .filter(Boolean)
  const unknown = named.filter(name => !KEY_SCOPES.some(scope => scope === name))
  if (unknown.length > 0) throw wrongArguments(`There is no scope ${unknown.join(', ')}`, usage)
  if (named.length === 0) throw wrongArguments('--scopes must say what the key may do', usage)
  return KEY_SCOPES.filter(scope => named.includes(scope))
}

async function create(
  { pool }: CommandContext,
  wanted: { brandId: number; name: string; scopes: readonly KeyScope[] },
): Promise<number> {
  const key = await createKey(pool, { ...wanted, now: Date.now() })
  say('This is the only time that the key is shown; only its hash is kept.')
  process.stdout.write(`${key}\n`)
  return 0
}

async function list({ pool }: CommandContext, brandId: number): Promise<number> {
  const keys = await listKeys(pool, { brandId })
  if (keys.length === 0) say('There are no keys yet.')
  for (const { keyId, name, scopes, createdAt, revokedAt } of keys) {
    const state = revokedAt === null ? 'valid' : `revoked ${formatInstant(revokedAt)}`
    process.stdout.write(`${[keyId, name, scopes.join(','), formatInstant(createdAt), state].join('\t')}\n`)
  }
  return 0
}

async function revoke({ pool }: CommandContext, named: { brandId: number; keyId: string }): Promise<number> {
  if (await revokeKey(pool, { ...named, now: Date.now() })) {
    say('Revoked: nobody can ask with it any more.')
    return 0
  }
  say('There is no such key, or it was revoked before.')
  return 1
}
