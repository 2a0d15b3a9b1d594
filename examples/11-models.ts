// Get a model, watch how far that is, load it before it is needed, and put everything back.
import { createAI } from 'groat'

await using ai = createAI({ providers: { ollama: { model: 'all-minilm' } } })
const { models } = ai.provider('ollama')

let got = ''
for await (const { status, completed, total } of models.pull('all-minilm')) {
  got = `${status}: ${completed === total ? 'all' : completed} of its bytes`
}
console.log(got)

await models.load('all-minilm', { keepAlive: -1 })
const loaded = (await models.running()).find(({ id }) => id.startsWith('all-minilm'))
console.log(`${loaded?.id} stays ${loaded?.expiresAt ?? 'for ever'}`)
await models.unload('all-minilm')

await models.sync()
await models.copy('all-minilm', 'my-copy')
console.log(`new: ${(await models.sync()).added.map(({ id }) => id).join()}`)
await models.remove('my-copy')
