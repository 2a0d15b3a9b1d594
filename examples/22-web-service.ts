// A web service in which each user has a limit a day: who has used it up gets 429, and is told when to come back.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAI, isAIError } from 'groat'

await using ai = createAI({
  providers: { ollama: { model: 'gpt-oss:20b-cloud' } },
  prices: [
    { provider: 'ollama', model: 'gpt-oss:20b-cloud', perMillionTokens: { input: '0.07', output: '0.30' } },
  ],
  budgets: [{ scope: 'user', id: '*', period: 'day', limit: '0.0001' }],
  ledger: 'sqlite:./web-service.db', // the same limits after a restart, and for each process on this machine
})

const server = createServer(async (request, response) => {
  const user = request.headers['x-user'] // in earnest: who your login says it is
  if (typeof user !== 'string') return void response.writeHead(401).end()
  try {
    const question = Buffer.concat(await request.toArray()).toString()
    const { text, cost } = await ai.sendMessage(question, { user, maxOutputTokens: 200 })
    response.setHeader('x-cost-usd', String(cost.amount)).end(text)
  } catch (error) {
    if (!isAIError(error, 'budget_exceeded')) return void response.writeHead(502).end()
    const { resetsAt } = error.details
    if (resetsAt !== null) response.setHeader('retry-after', new Date(resetsAt).toUTCString())
    response.writeHead(429).end('Your limit for today is used up')
  }
})
await once(server.listen(0, '127.0.0.1'), 'listening')

const { port } = server.address() as AddressInfo
for (const user of ['ada', 'ada', 'ada', 'grace']) {
  const headers = { 'x-user': user }
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'Why?', headers })
  const cost = response.headers.get('x-cost-usd')
  const resets = response.headers.get('retry-after')?.replace(/^.* (?=\d\d:)/, '')
  console.log(user, response.status, await response.text(), cost ? `$${cost}` : `until ${resets}`)
}
server.close()
