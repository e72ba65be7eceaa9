/**
 * `npm test`: type check, lint, build, and every test, one after the other. What fails does not keep the rest from
 * being looked at. The last line says how many tests passed and failed; a step that fails without having counted any
 * counts as one.
 *
 * `npm run test:long`: what takes too long for each change. tests/long, and the integration tests on PostgreSQL 15.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tsImport } from 'tsx/esm/api'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const scratch = mkdtempSync(join(tmpdir(), 'daogou-test-run-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

/** @type {{ name: string, passed: number, failed: number, skipped: number, seconds: number }[]} */
const results = []
/** What is said once more at the end, where it is found in a long output. */
const failures = []
const unsteady = []
/** More files than these that fail are no accident of a busy machine. */
const RERUN_FILES = 3
const running = new Set()
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const child of running) child.kill(signal)
    results.push({ name: `ended by ${signal}`, passed: 0, failed: 1, skipped: 0, seconds: 0 })
    finish()
  })
}

let reports = 0
const isLong = process.argv.includes('--long')
await (isLong ? runLong() : runAll())
finish()

async function runAll() {
  // Each keeps one processor busy.
  const inTurn = async scripts => {
    for (const script of scripts) await runScript(script)
  }
  await Promise.all([inTurn(['lint:rules']), inTurn(['typecheck', 'build', 'lint:format'])])
  const env = await chromiumEnvironment()
  await runVitest('unit, integration, scenarios, simulator', ['--project', 'server'], env)
  const projects = ['sidebar', 'console', 'browser'].flatMap(name => ['--project', name])
  // Every page would be waited for in vain.
  if (results.some(({ name, failed }) => name === 'build' && failed > 0)) {
    say('sidebar, console and browser: not run, since the build failed')
    return
  }
  // A browser's test waits more than it computes.
  await runVitest('sidebar, console and browser', [...projects, '--maxWorkers', '3'], {
    ...env,
    BUILT_WEB: join(root, 'dist', 'web'),
  })
}

async function runLong() {
  const env = await chromiumEnvironment()
  if (readdirSync(join(root, 'tests', 'long'), { recursive: true }).some(name => name.endsWith('.test.ts'))) {
    await runVitest('long', ['--config', 'tests/long/vitest.config.ts'], { ...env, THOROUGH: 'true' })
  }
  const projects = ['sidebar', 'console'].flatMap(name => ['--project', name])
  await runVitest('every page, wide and narrow, in both languages', projects, { ...env, THOROUGH: 'true' })
  const { startPostgres15 } = await tsImport('./support/postgres-15.ts', import.meta.url)
  const server = await startPostgres15()
  if (server === null) {
    say('PostgreSQL 15: not run, since it is not here and apt cannot install it')
    return
  }
  try {
    const args = ['--project', 'server', 'tests/integration', 'tests/scenarios']
    await runVitest('integration on PostgreSQL 15', args, { ...env, THOROUGH: 'true', TEST_DATABASE_URL: server.url })
  } finally {
    await server.stop()
  }
}

/** Where the browser tests find their browser; none at all is a failure of its own. */
async function chromiumEnvironment() {
  const startedAt = Date.now()
  try {
    const { findChromium } = await tsImport('./support/chromium.ts', import.meta.url)
    const { path, env } = await findChromium(say)
    say(`Chromium: ${path}`)
    return { CHROME_PATH: path, ...env }
  } catch (error) {
    say(error.message)
    record('finding a Chromium', { failed: 1 }, startedAt)
    return {}
  }
}

/** What it prints is shown when it is over, since another may run beside it. */
async function runScript(script) {
  const startedAt = Date.now()
  const output = []
  const code = await run('npm', ['run', '--silent', script], {}, chunk => output.push(chunk))
  say(script)
  process.stdout.write(Buffer.concat(output))
  record(script, { failed: code === 0 ? 0 : 1 }, startedAt)
}

/**
 * A few files that fail beside all others are run once more by themselves. What passes then is no failure, and is named
 * at the end: a test that waits too short on a busy machine, or a race that shows seldom. Either is to be mended.
 */
async function runVitest(name, args, env) {
  say(name)
  const startedAt = Date.now()
  const all = await runTests(args, env)
  if (all.failed > 0 && all.files.length > 0 && all.files.length <= RERUN_FILES) {
    say(`${name}: what failed, by itself`)
    const projects = args.filter((arg, at) => arg.startsWith('--') || args[at - 1]?.startsWith('--'))
    const again = await runTests([...projects, ...all.files], env)
    if (again.failed === 0) {
      unsteady.push(...all.failures)
      all.failures = []
      all.passed += all.failed
      all.failed = 0
    }
  }
  failures.push(...all.failures)
  record(name, all, startedAt)
}

async function runTests(args, env) {
  const report = join(scratch, `${reports++}.json`)
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const code = await run(process.execPath, [vitest, 'run', ...args, ...reporters], env)
  const counts = readReport(report)
  // A file that cannot be loaded, or an error outside of any test, fails the run without failing a test.
  if (code !== 0 && counts.failed === 0) counts.failed = 1
  if (code === 0 && counts.passed === 0) counts.failed = 1
  return counts
}

function readReport(report) {
  if (!existsSync(report)) return { passed: 0, failed: 0, skipped: 0, files: [], failures: [] }
  const read = JSON.parse(readFileSync(report, 'utf8'))
  const failed = read.testResults.filter(({ status }) => status === 'failed')
  return {
    passed: read.numPassedTests,
    failed: read.numFailedTests,
    skipped: read.numPendingTests + read.numTodoTests,
    files: failed.map(file => relative(root, file.name)),
    failures: failed.flatMap(file => {
      const tests = file.assertionResults.filter(({ status }) => status === 'failed')
      const path = relative(root, file.name)
      if (tests.length === 0) return [`${path}: ${firstLine(file.message)}`]
      return tests.map(test => `${path} > ${test.fullName}: ${firstLine(test.failureMessages[0])}`)
    }),
  }
}

function firstLine(text = '') {
  return text.split('\n', 1)[0]
}

/** Its output is ours, or goes to `keep`; its exit code is what we wait for. */
function run(program, args, env, keep) {
  return new Promise(resolve => {
    const output = keep ? 'pipe' : 'inherit'
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', output, output],
      shell: process.platform === 'win32' && program === 'npm',
    })
    running.add(child)
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.once('error', error => {
      say(error.message)
      resolve(-1)
    })
    child.once('close', (code, signal) => {
      running.delete(child)
      resolve(signal === null ? code : -1)
    })
  })
}

function record(name, { passed = 0, failed = 0, skipped = 0 }, startedAt) {
  results.push({ name, passed, failed, skipped, seconds: Math.round((Date.now() - startedAt) / 1000) })
}

function say(text) {
  console.log(`\n── ${text}`)
}

function finish() {
  const sum = field => results.reduce((total, result) => total + result[field], 0)
  say('summary')
  for (const { name, passed, failed, skipped, seconds } of results) {
    const counted = passed + failed + skipped > 0
    const figures = [`${passed} passed`, `${failed} failed`, ...(skipped > 0 ? [`${skipped} skipped`] : [])].join(', ')
    console.log(`${failed > 0 ? '✗' : '✓'} ${name}: ${counted ? figures : 'ok'} (${seconds} s)`)
  }
  for (const failure of failures) console.log(`  ✗ ${failure}`)
  if (unsteady.length > 0) console.log('Failed beside all others, and passed alone:')
  for (const failure of unsteady) console.log(`  ? ${failure}`)
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`)
  process.exit(sum('failed') > 0 || sum('passed') === 0 ? 1 : 0)
}
