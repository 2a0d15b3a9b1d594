// A server that is compatible with OpenAI (LM Studio, llama.cpp, vLLM): say where it is, that it speaks Chat Completions, and
// that it is yours; then it is free. Here a stand-in plays it.
import { createAI } from 'groat'
import { fakeOpenAI } from 'groat/testing'

await using server = await fakeOpenAI({ models: ['qwen3-8b'], keyless: true, dialect: 'chat' })
server.reply({ reasoning: 'A colour?', text: 'Blue, most of the time.' })

await using ai = createAI({
  providers: {
    lmstudio: { driver: 'openai', dialect: 'chat', baseUrl: server.baseUrl, local: true, model: 'qwen3-8b' },
  },
})

const stream = ai.streamMessage('Which colour is the sky?', { maxOutputTokens: 200 })
for await (const event of stream) {
  if (event.type === 'text-delta') process.stdout.write(event.text)
}
const { reasoning, cost } = await stream.response
console.log(
  `\nthought: ${reasoning}\n${cost.status}, because it is ${cost.status === 'free' ? cost.source : ''} to be yours`,
)
