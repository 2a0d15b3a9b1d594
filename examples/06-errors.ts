// One class of errors with a closed list of codes; each message says what to do next.
import { createAI, isAIError } from 'groat'

await using ai = createAI({ providers: { ollama: { model: 'no-such-model' } } })

try {
  await ai.sendMessage('Hello')
} catch (error) {
  if (!isAIError(error)) throw error
  console.log(error.code, error.retryable ? '(try again)' : '(do not try again)')
  console.log(error.message)
}
