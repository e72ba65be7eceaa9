import { fork } from 'node:child_process'

/** Runs one of our files as a process of its own, and gives the one message that it sends. @throws where it sends none */
export async function runProcess<T>(file: URL, args: readonly string[]): Promise<T> {
  const child = fork(file, args)
  return await new Promise((resolve, reject) => {
    let told: { message: T } | null = null
    child.once('message', message => (told = { message: message as T }))
    child.once('error', reject)
    child.once('exit', code =>
      told ? resolve(told.message) : reject(new Error(`${file.pathname} ended with ${code}`)),
    )
  })
}
