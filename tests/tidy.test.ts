import { existsSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'
import { importsOf, listFiles, parse, readText, root, sizeOf, type Import } from './support/source-files.ts'

/** The repository's own shape. What is written here is what a reader may rely on; see docs/architecture.md. */

/** Low to high. A feature calls lower ones only; what must follow above it is handed in by app.ts. */
const FEATURES_LOW_TO_HIGH = [
  'pages',
  'limits',
  'wecom',
  'evidence',
  'auth',
  'activity',
  'rollups',
  'brands',
  'messages',
  'webhooks',
  'notices',
  'stores',
  'members',
  'friends',
  'tasks',
  'content',
  'share-links',
  'touches',
  'orders',
  'attribution',
  'accounts',
  'adjustments',
  'commissions',
  'bindings',
  'audit',
  'ingest',
]

/** Above all of those, and beside each other: what a command line or a screen needs. */
const FEATURES_ABOVE = [
  'imports',
  'session',
  'mirror',
  'customers',
  'coupons',
  'cards',
  'mini-program',
  'catalogue',
  'materials',
  'posts',
  'channel-codes',
  'earnings',
  'plan-drafts',
  'settlements',
  'disputes',
  'risks',
  'handovers',
  'transfers',
  'attainment',
  'community',
  'performance',
  'drill-down',
  'people',
  'task-rules',
  'home',
  'profiles',
  'visibility',
  'keys',
  'data-keys',
  'privacy',
  'doctor',
  'monitoring',
]

const files = listFiles()
const sources = files.filter(path => /\.(ts|vue)$/.test(path))
const inFolder = (folder: string) => sources.filter(path => path.startsWith(`${folder}/`))
const imports = new Map<string, Import[]>(sources.map(path => [path, importsOf(path)]))
const ours = (path: string) => (imports.get(path) ?? []).filter(entry => entry.isOurs)

/** Every import that breaks a rule, as `from → to`. */
function breaks(paths: readonly string[], isAllowed: (entry: Import, from: string) => boolean): string[] {
  return paths.flatMap(from =>
    ours(from)
      .filter(entry => !isAllowed(entry, from))
      .map(entry => `${from} → ${entry.target}`),
  )
}

const featureOf = (path: string) => /^server\/features\/([^/]+)\//.exec(path)?.[1] ?? null
const isIn = (path: string, ...folders: string[]) => folders.some(folder => path.startsWith(`${folder}/`))
const featureFiles = (name: string) => inFolder('server/features').filter(path => basename(path) === name)

describe('imports go one way', () => {
  test('every import leads to a file that is there', () => {
    const all = sources.flatMap(from => ours(from).map(({ target }) => ({ from, target })))
    expect(all.filter(({ target }) => !existsSync(join(root, target)))).toEqual([])
  })

  test('lib imports nothing of ours but lib', () => {
    expect(breaks(inFolder('server/lib'), ({ target }) => isIn(target, 'server/lib'))).toEqual([])
  })

  test('the server knows neither browser code nor simulator nor tests', () => {
    const allowed = ({ target, isTypeOnly }: Import) =>
      isIn(target, 'server') || (isIn(target, 'drizzle/schema') && isTypeOnly)
    expect(breaks(inFolder('server'), allowed)).toEqual([])
  })

  test('table files know nothing above them', () => {
    expect(breaks(inFolder('drizzle'), ({ target }) => isIn(target, 'drizzle'))).toEqual([])
  })

  test('the sidebar sees of the server its schemas alone, as types', () => {
    const allowed = ({ target, isTypeOnly }: Import) =>
      isIn(target, 'sidebar') || (isTypeOnly && /^server\/features\/[^/]+(\/[^/]+)?\/schema\.ts$/.test(target))
    expect(breaks(inFolder('sidebar'), allowed)).toEqual([])
  })

  test('the console sees of the server its schemas and codes alone, as types, and borrows parts of the sidebar', () => {
    const isBorrowed = (path: string) => isIn(path, 'sidebar/lib', 'sidebar/components') && !path.endsWith('/wecom.ts')
    const allowed = ({ target, isTypeOnly }: Import) =>
      isIn(target, 'console') ||
      isBorrowed(target) ||
      (isTypeOnly && /^server\/(errors|features\/[^/]+(\/[^/]+)?\/schema)\.ts$/.test(target))
    expect(breaks(inFolder('console'), allowed)).toEqual([])
  })

  test('one file of the sidebar touches the SDK', () => {
    const touching = inFolder('sidebar').filter(path =>
      imports.get(path)!.some(({ target }) => target.startsWith('@wecom/')),
    )
    expect(touching.filter(path => path !== 'sidebar/lib/wecom.ts')).toEqual([])
  })

  test('every feature has its place in the order', () => {
    const present = new Set(inFolder('server/features').map(path => featureOf(path)!))
    const listed = [...FEATURES_LOW_TO_HIGH, ...FEATURES_ABOVE]
    expect([...present].filter(feature => !listed.includes(feature))).toEqual([])
    expect(listed.filter(feature => !present.has(feature))).toEqual([])
  })

  test('a feature enters lower ones only', () => {
    const rank = (feature: string) => {
      const index = FEATURES_LOW_TO_HIGH.indexOf(feature)
      return index === -1 ? FEATURES_LOW_TO_HIGH.length : index
    }
    const allowed = ({ target }: Import, from: string) => {
      const [own, other] = [featureOf(from)!, featureOf(target)]
      if (other === null || other === own) return true
      return rank(other) < rank(own) || (rank(other) === rank(own) && FEATURES_ABOVE.includes(own))
    }
    expect(breaks(inFolder('server/features'), allowed)).toEqual([])
  })

  test('it enters them by service.ts or domain.ts, for the types of schema.ts, and from queries for parts of statements', () => {
    const allowed = ({ target, isTypeOnly }: Import, from: string) => {
      if (featureOf(target) === null || featureOf(target) === featureOf(from)) return true
      const door = basename(target)
      if (door === 'sql.ts') return basename(from) === 'queries.ts'
      return door === 'service.ts' || door === 'domain.ts' || (door === 'schema.ts' && isTypeOnly)
    }
    expect(breaks(inFolder('server/features'), allowed)).toEqual([])
  })

  test('routes reach the database through services alone', () => {
    const allowed = ({ target }: Import) => basename(target) !== 'queries.ts'
    expect(breaks(featureFiles('routes.ts'), allowed)).toEqual([])
  })

  test('queries know no use case and no HTTP', () => {
    const allowed = ({ target, isTypeOnly }: Import, from: string) =>
      isTypeOnly ||
      isIn(target, 'server/lib') ||
      target === 'server/database.ts' ||
      basename(target) === 'sql.ts' ||
      (dirname(target) === dirname(from) && !['routes.ts', 'service.ts'].includes(basename(target)))
    expect(breaks(featureFiles('queries.ts'), allowed)).toEqual([])
  })

  test('domains are pure: lib, their own files of rules, and the domains of lower features', () => {
    const allowed = ({ target, isTypeOnly }: Import, from: string) =>
      isIn(target, 'server/lib') ||
      basename(target) === 'domain.ts' ||
      (isTypeOnly && (isIn(target, 'drizzle/schema') || dirname(target) === dirname(from)))
    expect(breaks(featureFiles('domain.ts'), allowed)).toEqual([])
    const builtIn = featureFiles('domain.ts').filter(path =>
      imports.get(path)!.some(({ target }) => target.startsWith('node:')),
    )
    expect(builtIn).toEqual([])
  })

  test('only main.ts starts the service, and features know nothing of it', () => {
    const roots = ['server/main.ts', 'server/app.ts', 'server/open.ts']
    const below = sources.filter(path =>
      isIn(path, 'server/features', 'server/lib', 'server/plugins', 'server/workers'),
    )
    expect(breaks(below, ({ target }) => !roots.includes(target) && !isIn(target, 'server/cli'))).toEqual([])
  })

  test('a package that is used is one that is asked for', () => {
    const manifest = JSON.parse(readText('package.json')) as Record<string, Record<string, string>>
    const asked = (from: string) => [
      ...Object.keys(manifest['dependencies']!),
      // The service must run where development packages are left out; the screens are built before.
      ...(isIn(from, 'server') ? [] : Object.keys(manifest['devDependencies']!)),
    ]
    const name = (target: string) =>
      target
        .split('/')
        .slice(0, target.startsWith('@') ? 2 : 1)
        .join('/')
    const missing = sources.flatMap(from =>
      imports
        .get(from)!
        .filter(({ isOurs, target }) => !isOurs && !target.startsWith('node:') && !asked(from).includes(name(target)))
        .map(({ target }) => `${from} → ${target}`),
    )
    expect(missing).toEqual([])
  })

  test('nothing goes round in a circle', () => {
    const loads = (path: string) =>
      ours(path)
        .filter(entry => !entry.isTypeOnly)
        .map(entry => entry.target)
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      if (trail.includes(path) || done.has(path)) return
      for (const target of loads(path)) visit(target, [...trail, path])
      done.add(path)
    }
    for (const path of sources) visit(path, [])
    expect(circles).toEqual([])
  })
})

describe('code keeps to the house rules', () => {
  test('the environment is read in settings.ts alone', () => {
    const allowed = [
      'server/settings.ts',
      // Hands PATH and the temporary folder on to the database server; decides nothing by them.
      'server/embedded-postgres/binaries.ts',
    ]
    const reading = sources.filter(
      path => isIn(path, 'server', 'drizzle', 'sidebar', 'console') && /process\.env/.test(codeOf(path)),
    )
    expect(reading.filter(path => !allowed.includes(path))).toEqual([])
  })

  test('default exports are for configuration files', () => {
    const found = sources.filter(path => !/\.config\.ts$/.test(path) && hasDefaultExport(parse(path)))
    expect(found).toEqual([])
  })

  test('no file is named after having no name', () => {
    const nameless = /^(utils?|helpers?|common|managers?|misc|shared)\b/
    expect(files.filter(path => path.split('/').some(part => nameless.test(part)))).toEqual([])
  })

  test('nothing is switched off: no any, no ignored type error, no disabled rule', () => {
    const off = new RegExp(['@ts-' + 'ignore', '@ts-' + 'nocheck', 'eslint-' + 'disable'].join('|'))
    expect(sources.filter(path => off.test(readText(path)))).toEqual([])
    expect(sources.filter(path => hasAny(parse(path)))).toEqual([])
  })

  test('no test is left out', () => {
    const left = /\b(?:describe|test|it)(?:\.\w+)*\.(?:only|skip|todo|fails)\b/
    const tests = inFolder('tests').filter(path => path !== 'tests/tidy.test.ts')
    expect(tests.filter(path => left.test(codeOf(path)))).toEqual([])
  })

  test('nothing is put off in a comment', () => {
    const later = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME'].join('|')})\\b`)
    const read = files.filter(path => /\.(ts|vue|mjs|js|css|sql|md|html)$/.test(path))
    expect(read.filter(path => later.test(readText(path)))).toEqual([])
  })

  test('every table says what a row means', () => {
    const bare = inFolder('drizzle/schema').flatMap(path =>
      [...readText(path).matchAll(/(\*\/\n)?export const (\w+) = pgTable\(/g)]
        .filter(match => match[1] === undefined)
        .map(match => `${path}: ${match[2]}`),
    )
    expect(bare).toEqual([])
  })

  test('column types are chosen in one place', () => {
    const own = inFolder('drizzle/schema').filter(path => /customType|timestamp\(|bigint\(|\btext\(/.test(codeOf(path)))
    expect(own).toEqual([])
  })
})

describe('what is checked in is whole', () => {
  test('no file is larger than 1 MB', () => {
    expect(files.filter(path => sizeOf(path) > 1024 * 1024)).toEqual([])
  })

  test('migrations and their journal name each other', () => {
    const { entries } = JSON.parse(readText('drizzle/migrations/meta/_journal.json')) as {
      entries: { idx: number; tag: string; when: number }[]
    }
    const scripts = files
      .filter(path => /^drizzle\/migrations\/[^/]+\.sql$/.test(path))
      .map(path => basename(path, '.sql'))
    expect(entries.map(entry => entry.tag)).toEqual(scripts.sort())
    expect(entries.map(entry => entry.idx)).toEqual(entries.map((_, i) => i))
    expect(entries.map(entry => entry.when)).toEqual(entries.map(entry => entry.when).sort((a, b) => a - b))
    const snapshots = entries.map(({ tag }) => `drizzle/migrations/meta/${tag.slice(0, 4)}_snapshot.json`)
    expect(snapshots.filter(path => !files.includes(path))).toEqual([])
  })

  test('migrations let the version before go on working', () => {
    const from = 30
    const scripts = files.filter(path => /^drizzle\/migrations\/\d{4}_[^/]+\.sql$/.test(path))
    const faults = scripts
      .filter(path => Number(basename(path).slice(0, 4)) >= from)
      .flatMap(path => {
        const text = readText(path)
        const isNew = (table: string) => text.includes(`CREATE TABLE "${table}"`)
        const contracts = /DROP (?:TABLE|COLUMN)|RENAME|SET NOT NULL|SET DATA TYPE|ALTER COLUMN \S+ TYPE/.test(text)
        const bare = /ADD COLUMN (?:(?!DEFAULT)[^;])*NOT NULL(?:(?!DEFAULT)[^;])*;/.test(text)
        const locking = [...text.matchAll(/CREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY)[^;]*? ON (?:ONLY )?"(\w+)"/g)]
          .filter(match => !isNew(match[1]!) && !match[0].includes('ON ONLY'))
          .map(match => `${path}: an index on ${match[1]!} that is not made concurrently`)
        return [
          ...(contracts && !text.startsWith('-- contract')
            ? [`${path}: contracts, and does not begin with -- contract`]
            : []),
          ...(bare ? [`${path}: a column that old processes cannot fill`] : []),
          ...locking,
        ]
      })
    expect(faults).toEqual([])
  })

  test('packages are pinned to a version, and the lock file names no place to fetch them from', () => {
    const manifest = JSON.parse(readText('package.json')) as Record<string, Record<string, string>>
    const versions = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap(kind =>
      Object.entries(manifest[kind] ?? {}),
    )
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
    expect(readText('package-lock.json')).not.toMatch(/"resolved": *"http/)
  })

  test('docs/dependencies.md has a line for each package, and none for others', () => {
    const manifest = JSON.parse(readText('package.json')) as Record<string, Record<string, string>>
    const asked = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap(kind =>
      Object.keys(manifest[kind] ?? {}),
    )
    const lines = [...readText('docs/dependencies.md').matchAll(/^\| `([^`]+)` +\| +\S.*\|$/gm)].map(match => match[1]!)
    expect(lines.sort()).toEqual(asked.sort())
  })

  test('every npm script runs something that is there', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> }
    // Their files come with the issues that they belong to.
    const later = ['bench', 'bench:data']
    const named = Object.entries(scripts).flatMap(([name, script]) =>
      [...script.matchAll(/[\w./-]+\.(?:ts|mjs|json)\b/g)].map(match => ({ name, path: match[0] })),
    )
    expect(named.filter(({ name, path }) => !later.includes(name) && !existsSync(join(root, path)))).toEqual([])
  })
})

describe('what is written down is so', () => {
  const settings = [
    ...readText('server/settings.ts').matchAll(
      /\b(?:text|withDefault|list|whole|flag|url|postgresUrl)\(\s*'([A-Z_]+)'/g,
    ),
  ].map(match => match[1]!)

  test('.env.example has every setting and no other', () => {
    const shown = [...readText('.env.example').matchAll(/^#? ?([A-Z_]+)=/gm)].map(match => match[1]!)
    expect(settings.length).toBeGreaterThan(25)
    expect([...shown].sort()).toEqual([...new Set(settings)].sort())
  })

  test('docs/operations.md explains every setting and every command', () => {
    const text = readText('docs/operations.md')
    expect([...new Set(settings)].filter(name => !text.includes(`\`${name}\``))).toEqual([])
  })

  test.each(['README.md', 'README.zh-CN.md'])('%s begins with the two commands, and its words', name => {
    const text = readText(name)
    const demo = text.indexOf('npm ci && npm run demo')
    const tests = text.indexOf('npm ci && npm test')
    expect(demo).toBeGreaterThan(0)
    expect(tests).toBeGreaterThan(demo)
    const words = [
      ['store', '门店'],
      ['franchisee', '加盟商'],
      ['associate', '导购'],
      ['headquarters', '总部'],
      ['member', '会员'],
      ['attributed associate', '归属导购'],
      ['home store', '服务门店'],
      ['share link', '分享链接'],
      ['touch', '触点'],
      ['order', '订单'],
      ['line', '行'],
      ['refund', '退款'],
      ['plan', '提成方案'],
      ['rule', '规则'],
      ['role', '角色'],
      ['sharer', '分享导购'],
      ['closer', '成交导购'],
      ['opener', '开卡导购'],
      ['inviter', '邀请人'],
      ['entitlement', '应得'],
      ['ledger row', '流水'],
      ['settlement', '结算'],
      ['statement', '结算单'],
      ['dispute', '申诉'],
    ] as const
    const rows = text.split('\n').filter(line => line.startsWith('|'))
    const missing = words.filter(
      ([english, chinese]) => !rows.some(row => row.includes(english) && row.includes(chinese)),
    )
    expect(missing).toEqual([])
  })

  test('every test that docs/security.md names is there', () => {
    const named = [...readText('docs/security.md').matchAll(/`([a-z-]+): ([^'`][^`]*)`/g)]
    const textOf = (name: string) =>
      files.filter(path => path.startsWith('tests/') && basename(path) === `${name}.test.ts`).map(readText)
    expect(named.length).toBeGreaterThan(100)
    expect(named.filter(match => !textOf(match[1]!).some(text => text.includes(match[2]!))).map(match => match[0])).toEqual([]) // prettier-ignore
  })

  test('links between pages lead somewhere', () => {
    const pages = files.filter(path => path.endsWith('.md'))
    const broken = pages.flatMap(page =>
      [...readText(page).matchAll(/\]\((?!https?:|mailto:|#|\/)([^)#\s]+)/g)]
        .map(match => posix.join(dirname(page), match[1]!))
        .filter(target => !existsSync(join(root, target)))
        .map(target => `${page} → ${target}`),
    )
    expect(broken).toEqual([])
  })

  test('every command of the README is a script', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> }
    const named = ['README.md', 'README.zh-CN.md', 'docs/operations.md'].flatMap(page =>
      [...readText(page).matchAll(/npm run ([\w:-]+)/g)].map(match => match[1]!),
    )
    expect(named.filter(name => scripts[name] === undefined)).toEqual([])
  })
})

/** The text without comments and quoted texts: what the machine does, not what is said about it. */
function codeOf(path: string): string {
  const source = parse(path)
  const words: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) return
    if (node.getChildCount(source) === 0) words.push(node.getText(source))
    else for (const child of node.getChildren(source)) visit(child)
  }
  visit(source)
  return words.join(' ').replaceAll(' . ', '.')
}

function hasDefaultExport(source: ts.SourceFile): boolean {
  return source.statements.some(
    statement =>
      ts.isExportAssignment(statement) ||
      (ts.canHaveModifiers(statement) &&
        ts.getModifiers(statement)?.some(modifier => modifier.kind === ts.SyntaxKind.DefaultKeyword)),
  )
}

function hasAny(source: ts.SourceFile): boolean {
  let isFound = false
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) isFound = true
    ts.forEachChild(node, visit)
  }
  visit(source)
  return isFound
}
