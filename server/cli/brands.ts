/** `npm run brands -- create | list | set`: brands beside the one that the environment names. */
import { createInterface } from 'node:readline'
import { readSecrets, SECRET_NAMES, type BrandSecrets } from '../features/brands/domain.ts'
import { changeBrand, createBrand, listBrands, type BrandChange } from '../features/brands/service.ts'
import { readArguments, runCommand, say, withData, wrongArguments, type CommandContext } from './command.ts'

const names = Object.values(SECRET_NAMES)

const usage = `npm run brands -- create --slug SLUG --name NAME --corp-id ID --agent-id ID [options] < secrets
npm run brands -- set SLUG [options] [--secrets < secrets]
npm run brands -- list

  --slug                  small letters, digits, hyphens: it stands in addresses, /sidebar/?brand=SLUG
  --name                  how the brand is called
  --timezone              days and months are counted in it; Asia/Shanghai unless said
  --corp-id, --agent-id   the WeCom app
  --verify-file           name and content of its trusted-domain file: "WW_verify_abc.txt abc"
  --mini-program-app-id   the mini-program that its links lead to
  --headquarters          WeCom userids that are headquarters from the start, with commas between
  --secrets               set alone: the secrets change too; those that are not said stay

Secrets are read from standard input, one NAME=value a line, so that no list of processes shows them:
  ${names.join(', ')}
The first must be there; the next two go together. On a terminal they are asked for.
`

await runCommand(async argv => {
  const { values, positionals } = readArguments(argv, usage, {
    allowPositionals: true,
    options: {
      slug: { type: 'string' },
      name: { type: 'string' },
      timezone: { type: 'string' },
      'corp-id': { type: 'string' },
      'agent-id': { type: 'string' },
      'verify-file': { type: 'string' },
      'mini-program-app-id': { type: 'string' },
      headquarters: { type: 'string' },
      secrets: { type: 'boolean' },
    },
  })
  const [action, named, ...rest] = positionals
  if (rest.length > 0 || (named !== undefined && action !== 'set')) {
    throw wrongArguments(`There is too much: ${positionals.slice(1).join(' ')}`, usage)
  }
  const text = (name: Exclude<keyof typeof values, 'secrets'>) => values[name]?.trim()
  const orNull = (name: Exclude<keyof typeof values, 'secrets'>) => {
    const value = text(name)
    return value === undefined ? undefined : value || null
  }
  const change = given<BrandChange>({
    name: text('name'),
    zone: text('timezone'),
    corpId: text('corp-id'),
    agentId: text('agent-id'),
    verifyFile: orNull('verify-file'),
    miniProgramAppId: orNull('mini-program-app-id'),
    headquarters: text('headquarters')
      ?.split(',')
      .map(part => part.trim())
      .filter(Boolean),
  })
  switch (action) {
    case 'create': {
      const secrets = await readGiven()
      const slug = text('slug') ?? ''
      return await withData(context => create(context, slug, change, secrets))
    }
    case 'set': {
      const slug = named ?? text('slug')
      if (slug === undefined) throw wrongArguments('set needs the slug of a brand, as list shows it', usage)
      const secrets = values.secrets === true ? await readGiven() : undefined
      if (Object.keys(change).length === 0 && !secrets) throw wrongArguments('Say what is to change', usage)
      return await withData(async ({ pool, vault }) => {
        await changeBrand(pool, {
          vault,
          slug,
          change: { ...change, ...(secrets ? { secrets } : {}) },
          now: Date.now(),
        })
        say(`The brand ${slug} is changed; services that run follow within a minute.`)
        return 0
      })
    }
    case 'list':
      return await withData(list)
    default:
      throw wrongArguments('Say create, set or list', usage)
  }
})

/** What was said, without what was not. */
function given<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}

async function create(
  { pool, vault }: CommandContext,
  slug: string,
  change: BrandChange,
  secrets: Partial<BrandSecrets>,
): Promise<number> {
  const brandId = await createBrand(pool, {
    vault,
    slug,
    setup: {
      name: '',
      zone: 'Asia/Shanghai',
      corpId: '',
      agentId: '',
      verifyFile: null,
      miniProgramAppId: null,
      headquarters: [],
      ...change,
      secrets: { secret: '', callbackToken: null, callbackAesKey: null, miniProgramSecret: null, ...secrets },
    },
    now: Date.now(),
  })
  say(`The brand ${slug} has the id ${brandId}; services that run have it within a minute.`)
  say(`Its sidebar is /sidebar/?brand=${slug}, its callback address /wecom/callback/${slug}.`)
  say(`Look whether all is well: npm run doctor -- --brand ${slug}`)
  process.stdout.write(`${brandId}\n`)
  return 0
}

async function list({ pool, vault }: CommandContext): Promise<number> {
  for (const brand of await listBrands(pool, { vault })) {
    const { brandId, slug, name, zone, corpId, agentId, hasCallbacks } = brand
    const app =
      corpId === null ? ['from the environment'] : [corpId, agentId, hasCallbacks ? 'callbacks' : 'no callbacks']
    process.stdout.write(`${[brandId, slug, name, zone, ...app].join('\t')}\n`)
  }
  return 0
}

/** @throws ExitError 2 where a line is none of ours */
async function readGiven(): Promise<Partial<BrandSecrets>> {
  const { secrets, unknown } = readSecrets(process.stdin.isTTY ? await askForSecrets() : await readAll())
  if (unknown.length > 0) {
    throw wrongArguments(`Standard input has ${unknown.join(', ')}; it may have ${names.join(', ')}`, usage)
  }
  return secrets
}

async function readAll(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk)
  return text
}

/** One after the other, without showing what is typed; an empty answer leaves one out. */
async function askForSecrets(): Promise<string> {
  const lines: string[] = []
  const reader = createInterface({ input: process.stdin, terminal: true })
  for (const name of names) {
    process.stderr.write(`${name}: `)
    const answer = await new Promise<string>(resolve => reader.question('', resolve))
    process.stderr.write('\n')
    if (answer.trim() !== '') lines.push(`${name}=${answer.trim()}`)
  }
  reader.close()
  return lines.join('\n')
}
