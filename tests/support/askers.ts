import type { TestService } from './service.ts'
import { signedIn } from './wecom.ts'

/** Somebody who calls the API. */
export interface Asker {
  /** The body; throws where the answer is not 200. */
  get<T>(path: string): Promise<T>
  /** Any answer. */
  ask(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: Record<string, unknown> }>
  post(path: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }>
}

/** Somebody signed in through WeCom, with what his writes must carry. */
export async function askerOf(service: TestService, userid: string): Promise<Asker> {
  const { browser, csrf } = await signedIn(service, userid)
  const ask: Asker['ask'] = async (method, path, body) => {
    const answer = await browser.call(method, `/api/v1${path}`, {
      headers: csrf,
      ...(body === undefined ? {} : { body }),
    })
    return { status: answer.status, body: answer.json() as Record<string, unknown> }
  }
  return {
    ask,
    post: (path, body) => ask('POST', path, body),
    async get<T>(path: string) {
      const { status, body } = await ask('GET', path)
      if (status !== 200) throw new Error(`${userid} ${path}: ${status} ${JSON.stringify(body)}`)
      return body as T
    },
  }
}
