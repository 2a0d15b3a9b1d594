import { describe, expect, it } from 'vitest'
import { fromWireToolCalls, offeredTools, toWireTools } from '../../../src/drivers/ollama/tools.ts'

const INPUT = { type: 'object', properties: { days: { type: 'integer' } } }
const BOUNDED = { type: 'object', properties: { days: { type: 'integer', minimum: 1, maximum: 9 } } }

describe('definitions of tools', () => {
  it('hold a description only where there is one', () => {
    const { tools, warnings } = toWireTools([
      { name: 'plain', input: INPUT },
      { name: 'told', description: 'Books', input: INPUT },
      { name: 'closed', input: { ...INPUT, additionalProperties: false } },
    ])
    expect(tools).toStrictEqual([
      { type: 'function', function: { name: 'plain', parameters: INPUT } },
      { type: 'function', function: { name: 'told', description: 'Books', parameters: INPUT } },
      {
        type: 'function',
        function: { name: 'closed', description: 'No other properties', parameters: INPUT },
      },
    ])
    expect(warnings).toHaveLength(1)
  })

  it('say in one warning what was lowered of which', () => {
    const { warnings } = toWireTools([
      { name: 'book', input: BOUNDED },
      { name: 'plain', input: INPUT },
      { name: 'cancel', input: BOUNDED },
    ])
    const keywords = ['minimum', 'maximum']
    expect(warnings).toStrictEqual([
      {
        code: 'schema-lowered',
        message:
          'Ollama would drop minimum, maximum from the schema of book, cancel: they were rewritten or put into ' +
          'descriptions. Arguments are checked by the schema as it was given',
        details: { keywords, tools: { book: keywords, cancel: keywords } },
      },
    ])
  })

  it('come with a warning where one of them must be called', () => {
    const request = { model: 'oak', messages: [], stream: false, providerOptions: {} }
    const tools = [{ name: 'book', input: INPUT }]
    for (const [toolChoice, which] of [
      ['required', 'one of your tools'],
      [{ tool: 'book' }, 'the tool book'],
    ] as const) {
      expect(offeredTools({ ...request, tools, toolChoice })).toMatchObject({
        instruction: `You must call ${which} now. Do not answer in any other way.`,
        warnings: [
          {
            code: 'tool-choice-emulated',
            message: `Ollama cannot make a model call ${which}: it was asked to in the system message`,
            details: { toolChoice },
          },
        ],
      })
    }
    expect(offeredTools(request)).toStrictEqual({ tools: [], instruction: undefined, warnings: [] })
  })
})

describe('calls as they come', () => {
  it.each<[unknown, Record<string, unknown>, readonly string[] | undefined]>([
    [{ days: 1 }, { days: 1 }, undefined],
    ['{"days":1}', { days: 1 }, undefined],
    [undefined, {}, undefined],
    [null, {}, undefined],
    ['', {}, undefined],
    ['{"days":', { value: '{"days":' }, ['arguments is not an object']],
    [['{"days":1}'], { value: ['{"days":1}'] }, ['arguments is not an object']],
    [0, { value: 0 }, ['arguments is not an object']],
  ])('with arguments %j', (given, expected, issues) => {
    const [call] = fromWireToolCalls([{ id: 'c', function: { name: 'book', arguments: given } }], 0)
    expect(call).toStrictEqual({ id: 'c', name: 'book', arguments: expected, ...(issues && { issues }) })
  })

  it('have a number for an id, and a word for a name, where there is none', () => {
    const calls = [
      { id: '', function: { name: '' } },
      { id: 7, function: { name: 7, arguments: [] } },
      { function: {} },
    ]
    const nameless = 'the call names no tool'
    expect(fromWireToolCalls(calls, 2)).toStrictEqual([
      { id: 'call_3', name: 'unnamed', arguments: {}, issues: [nameless] },
      {
        id: 'call_4',
        name: 'unnamed',
        arguments: { value: [] },
        issues: [nameless, 'arguments is not an object'],
      },
      { id: 'call_5', name: 'unnamed', arguments: {}, issues: [nameless] },
    ])
  })

  it('are left out where they are none', () => {
    expect(fromWireToolCalls([null, 'x', [], {}, { function: 'x' }, { function: [] }], 0)).toEqual([])
  })
})
