// Ask for a value in place of a text: the server is held to the schema where it can be, and groat checks in any case.
import { createAI, isAIError } from 'groat'
import { z } from 'zod'

const recipe = z.object({
  title: z.string(),
  minutes: z.number().int().positive(),
  ingredients: z.array(z.object({ name: z.string(), grams: z.number() })),
})

await using ai = createAI({ providers: { ollama: { model: 'llama3.2' } } })
try {
  const { output } = await ai.sendMessage('Pancakes for two', { output: recipe, repairOutput: true })
  console.log(`${output.title}: ${output.minutes} minutes, ${output.ingredients.length} ingredients`)
} catch (error) {
  if (isAIError(error) && error.code === 'schema_mismatch') console.log(error.details)
  else throw error
}
