import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { coldLoad } from './cold-load.ts'
import { codesOf, fieldsIn, quoted, said, textsIn } from './facts.ts'
import { LOCAL, outcomeOf, type Case, type Finding, type Outcome, type Trial } from './trial.ts'

const CLOUD = 'gpt-oss:20b-cloud'
const LIMIT_MS = 5_000
/** Longest time from an abort to the end of its connection. */
const ABORT_MS_MAX = 100
const WINDOW = 4_096
const LONG_PROMPT_WORDS = 6_000
/** What is left of a prompt of any length in a window of 4096: half of it and two. */
const CUT_PROMPT_TOKENS = 2_050
const SERVER_ERROR = 'an error was encountered while running the model: CUDA error: out of memory'

export const CASES: readonly Case[] = [
  {
    title: 'Error line in the middle of a stream',
    right: "both texts, then an error with the server's text and a code or status of its own",
    limitMs: LIMIT_MS,
    run: errorLine,
  },
  {
    title: 'Stream that ends without `done`',
    right: 'an error that carries the partial text',
    limitMs: LIMIT_MS,
    run: cutStream,
  },
  {
    title: 'Abort of one of two streams',
    right: `its connection closes within ${ABORT_MS_MAX} ms, the other one completes`,
    limitMs: LIMIT_MS,
    run: abortOne,
  },
  {
    title: 'Two tool calls, both `index: 0`, no ids',
    right: 'two calls with ids of their own, in order',
    limitMs: LIMIT_MS,
    run: twoCalls,
  },
  {
    title: '`done_reason: "length"`',
    right: 'the finish reason is length',
    limitMs: LIMIT_MS,
    run: lengthFinish,
  },
  {
    title: 'Prompt larger than the window',
    right: 'an error or a warning that says so',
    limitMs: LIMIT_MS,
    server: { models: [{ name: LOCAL, runningContext: WINDOW, loaded: true }] },
    run: truncation,
  },
  {
    title: 'First byte after 305 s',
    right: 'the answer, from the first request',
    limitMs: 340_000,
    together: true,
    run: coldLoad,
  },
  {
    title: 'Cost of a local and a cloud model',
    right: 'local is free, cloud is not',
    limitMs: LIMIT_MS,
    server: { models: [LOCAL, CLOUD] },
    run: cost,
  },
]

async function errorLine({ client, server, console }: Trial): Promise<Finding> {
  server.reply({ chunks: ['one ', 'two '], error: SERVER_ERROR })
  const { texts, answer, failure } = await outcomeOf(client, { model: LOCAL, prompt: 'Count' })
  const other = await outcomeOf(client, { model: 'missing:latest', prompt: 'Count' })
  if (!failure) {
    const wrote = console.length > 0 ? `; only the console has: "${quoted(console.join(' '))}"` : ''
    return wrong(`no error: finish reason ${answer?.finish}, text "${texts.join('')}"${wrote}`)
  }
  const otherCodes = other.failure ? codesOf(other.failure.error) : []
  const both = texts.join('') === 'one two '
  const told = textsIn(failure.error).some((text) => text.includes(SERVER_ERROR))
  const apart = codesOf(failure.error).some((code) => !otherCodes.includes(code))
  const evidence =
    `text "${texts.join('')}", then ${said(failure.error)}` +
    (told ? '' : '; not what the server said') +
    (apart ? '' : '; nothing but its text tells it from other errors')
  return both && told ? grade(apart, evidence) : wrong(evidence)
}

async function cutStream({ client, server }: Trial): Promise<Finding> {
  server.reply({ chunks: ['one ', 'two ', 'three'], done: false })
  const { texts, answer, failure } = await outcomeOf(client, { model: LOCAL, prompt: 'Count' })
  if (!failure) return wrong(`no error: finish reason ${answer?.finish}, text "${texts.join('')}"`)
  const carries = textsIn(failure.error).includes('one two three')
  return grade(carries, `${said(failure.error)}, ${carries ? 'with' : 'without'} the partial text`)
}

async function abortOne({ client, server }: Trial): Promise<Finding> {
  const gates = { A: server.gate(), B: server.gate() }
  server.default((request) => ({
    chunks: ['one ', 'two ', 'three ', 'four'],
    gate: request.bodyText.includes('question A') ? gates.A : gates.B,
    holdAfter: 2,
  }))
  const abort = new AbortController()
  const started = { A: Promise.withResolvers<void>(), B: Promise.withResolvers<void>() }
  const start = (which: 'A' | 'B', signal: object): Promise<Outcome> =>
    outcomeOf(client, {
      model: LOCAL,
      prompt: `question ${which}`,
      ...signal,
      onText: () => started[which].resolve(),
    })
  const calls = [start('A', { signal: abort.signal }), start('B', {})] as const
  await Promise.all([started.A.promise, started.B.promise, gates.A.arrival(), gates.B.arrival()])
  const request = server.requests.find(({ bodyText }) => bodyText.includes('question A'))
  const from = performance.now()
  abort.abort()
  await Promise.race([request?.closed, sleep(5 * ABORT_MS_MAX)])
  const closedMs = request?.socketClosedAt === undefined ? undefined : request.socketClosedAt - from
  // The model goes on for both, as a real one would.
  gates.A.open()
  await sleep(ABORT_MS_MAX)
  gates.B.open()
  const [a, b] = await Promise.all(calls)
  const completes = b.answer !== undefined && b.texts.join('') === 'one two three four'
  const evidence = [
    closedMs === undefined
      ? `connection still open ${5 * ABORT_MS_MAX} ms after the abort`
      : `connection closed ${closedMs.toFixed(0)} ms after the abort`,
    a.failure
      ? `its caller got ${said(a.failure.error)}`
      : `its caller got "${a.texts.join('')}" and no error`,
    completes
      ? 'the other completed'
      : `the other failed: ${b.failure ? said(b.failure.error) : b.texts.join('')}`,
  ].join('; ')
  return closedMs !== undefined && closedMs <= ABORT_MS_MAX && completes
    ? { verdict: 'right', evidence }
    : wrong(evidence)
}

/** Ids that are made of the time of day collide now and then only: one try proves nothing. */
const CALL_TRIES = 20

async function twoCalls(trial: Trial): Promise<Finding> {
  const found: Finding[] = []
  for (let tries = 0; tries < CALL_TRIES; tries++) found.push(await twoCallsOnce(trial))
  const worst = (['wrong', 'partly', 'right'] as const).find((one) =>
    found.some(({ verdict }) => verdict === one),
  )
  const those = found.filter(({ verdict }) => verdict === worst)
  const often = those.length < CALL_TRIES ? `in ${those.length} of ${CALL_TRIES} tries ` : ''
  return { verdict: worst ?? 'not run', evidence: `${often}${those[0]?.evidence}` }
}

async function twoCallsOnce({ client, server }: Trial): Promise<Finding> {
  const call = (city: string): unknown => ({
    model: LOCAL,
    created_at: '2026-09-01T12:00:00Z',
    message: {
      role: 'assistant',
      content: '',
      tool_calls: [{ function: { index: 0, name: 'get_weather', arguments: { city } } }],
    },
    done: false,
  })
  const counts = { prompt_eval_count: 40, eval_count: 20 }
  const end = { message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop', ...counts }
  const last = { model: LOCAL, created_at: '2026-09-01T12:00:01Z', ...end }
  // In one piece, as calls of one parser come.
  server.reply({ lines: [call('Paris'), call('Rome'), last], burst: true })
  const { answer, failure } = await outcomeOf(client, { model: LOCAL, prompt: 'Weather?', withTool: true })
  if (!answer) return wrong(`threw ${said(failure?.error)}`)
  const { toolCalls, warnings } = answer
  const cities = toolCalls.map(({ input }) =>
    textsIn(typeof input === 'string' ? parsed(input) : input).join(' '),
  )
  const ids = new Set(toolCalls.map(({ id }) => id).filter((id) => id !== undefined && id !== ''))
  const list = toolCalls.map(({ id, name }, at) => `${name}(${cities[at]}) id ${id ?? 'none'}`).join(', ')
  const evidence = `${toolCalls.length} of 2 calls: ${list || quoted(warnings.join(' '))}`
  if (cities.join(', ') !== 'Paris, Rome') return wrong(evidence)
  return grade(ids.size === 2, evidence)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

async function lengthFinish({ client, server }: Trial): Promise<Finding> {
  server.reply({ chunks: ['one ', 'two '], doneReason: 'length' })
  const { answer, failure } = await outcomeOf(client, { model: LOCAL, prompt: 'Count' })
  if (!answer) return wrong(`threw ${said(failure?.error)}`)
  const evidence = `said finish reason ${answer.finish}`
  return answer.finish === 'length' ? { verdict: 'right', evidence } : wrong(evidence)
}

async function truncation({ client, server, console }: Trial): Promise<Finding> {
  // With `truncate: false` the stand-in refuses, as the real server does; this is what it says without.
  server.default({ text: 'Sure.', promptTokens: CUT_PROMPT_TOKENS })
  const prompt = 'word '.repeat(LONG_PROMPT_WORDS)
  const { answer, failure } = await outcomeOf(client, { model: LOCAL, prompt })
  if (failure) {
    const tells = /context|truncat|window|too long/i.test(
      `${said(failure.error)} ${textsIn(failure.error).join(' ')}`,
    )
    return tells ? { verdict: 'right', evidence: said(failure.error) } : wrong(said(failure.error))
  }
  const told = [...(answer?.warnings ?? []), ...console].find((text) => /context|truncat|window/i.test(text))
  if (told !== undefined) return { verdict: 'right', evidence: `warned: "${quoted(told)}"` }
  return wrong(
    `no warning: finish reason ${answer?.finish}; of ${LONG_PROMPT_WORDS} words ${CUT_PROMPT_TOKENS} tokens were read`,
  )
}

async function cost({ client }: Trial): Promise<Finding> {
  const local = await outcomeOf(client, { model: LOCAL, prompt: 'Hi' })
  const cloud = await outcomeOf(client, { model: CLOUD, prompt: 'Hi' })
  const failure = local.failure ?? cloud.failure
  if (failure) return wrong(`threw ${said(failure.error)}`)
  if (!local.answer?.cost || !cloud.answer?.cost) {
    const fields = fieldsIn([local.answer?.meta, cloud.answer?.meta]).filter((field) =>
      /cost|price|usd/i.test(field),
    )
    if (fields.length > 0) throw new Error(`the adapter has missed the fields ${fields.join(', ')}`)
    return { verdict: 'none', evidence: 'says nothing of cost, of either model' }
  }
  const evidence = `local: ${local.answer.cost.said}; cloud: ${cloud.answer.cost.said}`
  return local.answer.cost.free && !cloud.answer.cost.free ? { verdict: 'right', evidence } : wrong(evidence)
}

function wrong(evidence: string): Finding {
  return { verdict: 'wrong', evidence }
}

function grade(whole: boolean, evidence: string): Finding {
  return { verdict: whole ? 'right' : 'partly', evidence }
}
