import { shallowRef } from 'vue'
import type { QueryValue } from '../../sidebar/lib/api.ts'
import { toDiagnosis, type Diagnosis } from '../../sidebar/lib/diagnosis.ts'
import { api } from '../../sidebar/lib/session.ts'
import { FIGURES_TIMEOUT_MS } from './figures.ts'

const accepts = {
  csv: 'text/csv',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
} as const
export type FileKind = keyof typeof accepts

export type Export =
  | { status: 'idle' }
  | { status: 'running'; bytes: number }
  | { status: 'done' }
  | { status: 'failed'; diagnosis: Diagnosis }

/** A list as a file in the browser's downloads, with how far it is. */
export function useExport() {
  const state = shallowRef<Export>({ status: 'idle' })

  async function save(path: string, query: Record<string, QueryValue>, kind: FileKind): Promise<void> {
    if (state.value.status === 'running') return
    state.value = { status: 'running', bytes: 0 }
    try {
      const response = await api.take(path, query, {
        accept: accepts[kind],
        timeoutMs: FIGURES_TIMEOUT_MS,
        read: (answer, comesOn) =>
          readParts(answer, bytes => {
            comesOn()
            state.value = { status: 'running', bytes }
          }),
      })
      const named = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1]
      offer(await response.blob(), named ?? `export.${kind}`)
      state.value = { status: 'done' }
    } catch (error) {
      state.value = { status: 'failed', diagnosis: toDiagnosis(error) }
    }
  }

  /** Every page of the list as one JSON array, as the service gives it: amounts in fen. */
  async function saveJson(path: string, query: Record<string, QueryValue>): Promise<void> {
    if (state.value.status === 'running') return
    state.value = { status: 'running', bytes: 0 }
    const parts: string[] = []
    let bytes = 0
    try {
      let cursor: string | undefined
      do {
        const page: { items: unknown[]; nextCursor: string | null } = await api.get(
          path,
          {
            ...query,
            limit: 500,
            cursor,
          },
          undefined,
          FIGURES_TIMEOUT_MS,
        )
        for (const item of page.items) parts.push(JSON.stringify(item))
        bytes = parts.reduce((sum, part) => sum + part.length, 0)
        state.value = { status: 'running', bytes }
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      const name = path.split('/').filter(part => part !== '')
      offer(new Blob([`[${parts.join(',\n')}]\n`], { type: 'application/json' }), `${name.join('-')}.json`)
      state.value = { status: 'done' }
    } catch (error) {
      state.value = { status: 'failed', diagnosis: toDiagnosis(error) }
    }
  }
  return { state, save, saveJson }
}

async function readParts(response: Response, onBytes: (bytes: number) => void): Promise<Response> {
  const parts: BlobPart[] = []
  let bytes = 0
  const reader = response.body!.getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value)
    onBytes((bytes += part.value.byteLength))
  }
  return new Response(new Blob(parts), { status: response.status, headers: response.headers })
}

export function offer(file: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(file)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

export const formatBytes = (bytes: number): string =>
  bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`
