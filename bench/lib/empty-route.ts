/** A process with a Fastify server and one route that does nothing; tells its port. */
import Fastify from 'fastify'

const app = Fastify()
app.get('/s/:linkCode', (_request, reply) => reply.code(204).send())
await app.listen({ port: 0, host: '127.0.0.1' })
process.send!(app.server.address())
process.once('SIGTERM', () => void app.close().then(() => process.exit(0)))
