import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from './service-process.ts'

/** A line to the database that can be cut, fall silent, and be mended. */
export interface DatabaseLine {
  /** The database's address by way of the line. */
  url: string
  /** What goes over it ends, and connections are refused. */
  cut(): Promise<void>
  /** Nothing is passed on any more, and nobody is told: as of a server that is frozen, or a network that lost its way. */
  hush(): void
  mend(): Promise<void>
  close(): Promise<void>
}

export async function openLine(databaseUrl: string): Promise<DatabaseLine> {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  const port = await freePort()
  let server: Server | null = null
  let isSilent = false
  const join = (one: Socket, other: Socket) => {
    sockets.add(one)
    one
      .on('error', () => {})
      .on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    one.on('data', (data: Buffer) => void (isSilent || other.destroyed || other.write(data)))
  }
  const destroyAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  const line: DatabaseLine = {
    url: Object.assign(new URL(databaseUrl), { hostname: '127.0.0.1', port: String(port) }).href,
    async cut() {
      const closing = server
      server = null
      const closed = closing && once(closing, 'close')
      closing?.close()
      destroyAll()
      await closed
    },
    hush() {
      isSilent = true
    },
    async mend() {
      if (isSilent) destroyAll() // what was lost meanwhile is not made up for
      isSilent = false
      if (server) return
      server = createServer(socket => {
        const upstream = connect(Number(target.port), target.hostname)
        join(socket, upstream)
        join(upstream, socket)
      }).listen(port, '127.0.0.1')
      await once(server, 'listening')
    },
    close: () => line.cut(),
  }
  await line.mend()
  return line
}
