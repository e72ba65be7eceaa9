import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** What is not ours, or made anew by each run; the same as in .gitignore. */
const PASSED_OVER = new Set(['.git', 'node_modules', 'dist', '.data', 'artifacts', 'coverage', '.env'])

/** Every file of the repository, by its path from the root with `/`. */
export function listFiles(folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const path = posix.join(folder, entry.name)
    if (PASSED_OVER.has(entry.name)) return []
    return entry.isDirectory() ? listFiles(path) : [path]
  })
}

export const readText = (path: string): string => readFileSync(join(root, path), 'utf8')
export const sizeOf = (path: string): number => statSync(join(root, path)).size

export interface Import {
  /** Path from the root where it is a file of ours, else the name of a package. */
  target: string
  isOurs: boolean
  /** Gone after compilation: nothing is loaded. */
  isTypeOnly: boolean
}

/** What a source file imports, re-exports, or loads later. */
export function importsOf(path: string): Import[] {
  const found: Import[] = []
  const add = (name: string, isTypeOnly: boolean) => {
    const isOurs = name.startsWith('.')
    found.push({ target: isOurs ? resolve(path, name) : name, isOurs, isTypeOnly })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node.moduleSpecifier.text, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node.moduleSpecifier.text, node.isTypeOnly)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [name] = node.arguments
      if (name && ts.isStringLiteral(name)) add(name.text, false)
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      const { literal } = node.argument
      if (ts.isStringLiteral(literal)) add(literal.text, true)
    }
    ts.forEachChild(node, visit)
  }
  visit(parse(path))
  return found
}

/** The source as TypeScript sees it; of a component its script. */
export function parse(path: string): ts.SourceFile {
  const text = readText(path)
  const script = path.endsWith('.vue')
    ? [...text.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map(match => match[1]).join('\n')
    : text
  return ts.createSourceFile(path, script, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS)
}

function resolve(from: string, name: string): string {
  const target = relative(root, join(root, dirname(from), name.replace(/[?#].*$/, '')))
  return target.split(sep).join('/')
}
