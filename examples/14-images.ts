// Show a model a picture: bytes, base64 or a data URL. A model that cannot see is refused before anything is sent.
import { createAI, isAIError, type Message } from 'groat'

const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

const message: Message = {
  role: 'user',
  content: [
    { type: 'text', text: 'Which colour is it?' },
    { type: 'image', data: pixel },
  ],
}

await using ai = createAI()
console.log((await ai.model('gemma3').sendMessage(message)).text)

const error: unknown = await ai
  .model('llama3.2')
  .sendMessage(message)
  .catch((thrown: unknown) => thrown)
if (isAIError(error)) console.log(`llama3.2: ${error.code} (${String(error.details['capability'])})`)
