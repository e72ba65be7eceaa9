import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A plain TCP balancer: connections go to the processes in turn, past whoever refuses. It knows nothing of HTTP. */
export interface Balancer {
  url: string
  add(service: { url: string }): void
  remove(service: { url: string }): void
  close(): Promise<void>
}

const portOf = (service: { url: string }) => Number(new URL(service.url).port)

export async function startBalancer(services: readonly { url: string }[]): Promise<Balancer> {
  const ports = services.map(portOf)
  const sockets = new Set<Socket>()
  let turn = 0

  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.setNoDelay(true)
  }
  /** The next that takes the connection; null: nobody does. */
  const open = async (): Promise<Socket | null> => {
    const first = turn++
    for (let i = 0; i < ports.length; i++) {
      const socket = connect(ports[(first + i) % ports.length]!, '127.0.0.1')
      const isOpen = await once(socket, 'connect').then(
        () => true,
        () => false,
      )
      if (isOpen) return socket
    }
    return null
  }
  const server = createServer({ pauseOnConnect: true }, client => {
    keep(client)
    client.on('error', () => client.destroy())
    void open().then(upstream => {
      if (!upstream) return void client.destroy()
      keep(upstream)
      // What breaks on one side breaks on the other; what ends, ends.
      upstream.on('error', () => client.destroy())
      upstream.on('close', () => client.end())
      client.on('close', () => upstream.destroy())
      client.pipe(upstream).pipe(client)
      client.resume()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: service => void ports.push(portOf(service)),
    remove(service) {
      const index = ports.indexOf(portOf(service))
      if (index !== -1) ports.splice(index, 1)
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
