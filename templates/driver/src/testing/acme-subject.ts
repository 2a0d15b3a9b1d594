import { CAPABILITIES } from '../drivers/acme/index.ts'
import type { ContractReply, ContractSubject } from './driver-contract.ts'
import { fakeAcme, type AcmeReply } from './fake-acme.ts'
import type { Delivery } from './far-end.ts'

/** The Acme driver with its stand-in, billed at the contract's prices. */
export const acmeSubject: ContractSubject = {
  name: 'acme × fake',
  capabilities: CAPABILITIES,
  billing: 'priced',
  // Port 1 is the port multiplexer's: nothing listens there.
  down: { acme: { baseUrl: 'http://127.0.0.1:1' } },
  open: async () => {
    const server = await fakeAcme()
    const sent = (path: string): readonly unknown[] =>
      server.requests.filter((request) => request.path === path).map(({ body }) => body)
    return {
      providers: { acme: { baseUrl: server.url, model: 'acme-1' } },
      provider: 'acme',
      model: 'acme-1',
      embedModel: 'acme-embed',
      far: {
        reply: (...replies) => server.reply(...replies.map((reply) => toReply(reply, server.gate))),
        chatRequests: () =>
          sent('/chat') as { model: string; messages: { role: string; content: string }[] }[],
        replyVectors: ({ vectors, inputTokens }) =>
          server.once('/embed', { body: { vectors, usage: { input: inputTokens } } }),
        embedRequests: () =>
          (sent('/embed') as { model: string; texts: string[] }[]).map(({ model, texts }) => ({
            model,
            values: texts,
          })),
        close: () => server.close(),
      },
    }
  },
}

const FAILURES: Readonly<Record<NonNullable<ContractReply['failure']>, AcmeReply>> = {
  unavailable: { status: 503, error: 'overloaded' },
  'rate-limited': { status: 429, error: 'slow down' },
  unauthorized: { status: 401, error: 'who are you?' },
  'model-missing': { status: 404, error: 'no such model' },
}

function toReply(reply: ContractReply, newGate: () => NonNullable<Delivery['gate']>): AcmeReply {
  if (reply.failure) return FAILURES[reply.failure]
  const { pieces = [], inputTokens = 1, outputTokens = 1, silentUsage = false, length = false, hold } = reply
  const gate = hold && newGate()
  void hold?.until.then(() => gate?.open())
  return {
    chunks: pieces,
    ...(reply.toolCalls && { calls: reply.toolCalls }),
    usage: silentUsage ? null : { input: inputTokens, output: outputTokens },
    ...(length ? { end: 'length' } : {}),
    ...(reply.cutAfter === undefined ? {} : { cutAfter: reply.cutAfter }),
    ...(gate && hold ? { gate, holdAfter: hold.after } : {}),
  }
}
