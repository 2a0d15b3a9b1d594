// A conversation is an array of messages; an answer's parts go back into it as they are.
import { createAI, type Message } from 'groat'

await using ai = createAI({ providers: { ollama: { model: 'llama3.2' } } })

const messages: Message[] = []
for (const question of ['My name is Ada.', 'What is my name?']) {
  messages.push({ role: 'user', content: question })
  const answer = await ai.with({ system: 'Answer in one sentence.' }).sendMessage(messages)
  messages.push({ role: 'assistant', content: answer.parts })
  console.log(`${question} -> ${answer.text}`)
}
