import { defineMessages } from '../../sidebar/lib/locale.ts'

const words = defineMessages(
  { service: '系统', key: (name: string) => `接口密钥 ${name}` },
  { service: 'the service', key: (name: string) => `API key ${name}` },
)

/** Who did something, as records name him: an associateId, `key:<name>` or `service`. */
export function actorName(actor: string): string {
  if (actor === 'service') return words.value.service
  return actor.startsWith('key:') ? words.value.key(actor.slice(4)) : actor
}
