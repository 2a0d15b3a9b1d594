// Test your own program against a real server that plays what you script: no mocks of groat, no model needed.
import assert from 'node:assert/strict'
import { createAI } from 'groat'
import { fakeOllama } from 'groat/testing'

await using server = await fakeOllama({ models: ['llama3.2'] })
server.reply({ text: 'Paris', promptTokens: 12, outputTokens: 2 })

await using ai = createAI({ providers: { ollama: { baseUrl: server.url, model: 'llama3.2' } } })
const answer = await ai.sendMessage('What is the capital of France?')

assert.equal(answer.text, 'Paris')
assert.equal(answer.usage.inputTokens, 12)
assert.equal(server.requests.filter((request) => request.path === '/api/chat').length, 1)
console.log('the test passed')
