import type { Content, GenerateContentConfig, EmbedContentConfig } from '@google/genai'
import { describe, expect, it } from 'vitest'
import { toEmbedWire, toWire } from '../../../src/drivers/gemini/wire.ts'
import { offline } from './world.ts'

const { request } = offline

// What groat sends is what the vendor's own types allow: the compiler checks the literals, the test that they are sent.

/** The same types for plain JSON: the words of an enum are texts there, which the service compares without case. */
type Plain<T> = T extends string
  ? `${T}` | Lowercase<`${T}`>
  : T extends readonly (infer One)[]
    ? readonly Plain<One>[]
    : T extends (...args: never[]) => unknown
      ? T
      : T extends object
        ? { readonly [Key in keyof T]: Plain<T[Key]> }
        : T

/** Fields that the wire has at the top; all others stand in `generationConfig`. */
type Top = 'systemInstruction' | 'tools' | 'toolConfig' | 'safetySettings' | 'cachedContent' | 'serviceTier'

interface WireBody extends Plain<Pick<GenerateContentConfig, Top>> {
  readonly contents: Plain<Content[]>
  readonly generationConfig?: Plain<Omit<GenerateContentConfig, Top>>
}

const input = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const SIGNATURE = 'QUJD'

describe('the types of @google/genai', () => {
  it('take a request with everything in it', () => {
    const expected = {
      contents: [
        {
          role: 'user',
          parts: [{ text: 'Is it warm?' }, { inlineData: { mimeType: 'image/png', data: 'AAAA' } }],
        },
        {
          role: 'model',
          parts: [
            { text: 'Let me look.', thought: true, thoughtSignature: SIGNATURE },
            {
              functionCall: { id: 'fc', name: 'weather', args: { city: 'Oslo' } },
              thoughtSignature: SIGNATURE,
            },
          ],
        },
        {
          role: 'user',
          parts: [{ functionResponse: { id: 'fc', name: 'weather', response: { output: 'warm' } } }],
        },
      ],
      systemInstruction: { parts: [{ text: 'Be brief' }] },
      tools: [
        {
          functionDeclarations: [
            { name: 'weather', description: 'The weather', parametersJsonSchema: input },
          ],
        },
        { googleSearch: {} },
      ],
      toolConfig: {
        functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['weather'] },
        includeServerSideToolInvocations: true,
      },
      generationConfig: {
        presencePenalty: 0.5,
        maxOutputTokens: 100,
        temperature: 1,
        topP: 0.9,
        topK: 40,
        seed: 0,
        stopSequences: ['END'],
        responseMimeType: 'application/json',
        responseJsonSchema: input,
        thinkingConfig: { includeThoughts: true, thinkingLevel: 'low' },
      },
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
      cachedContent: 'cachedContents/a',
      serviceTier: 'flex',
    } satisfies WireBody
    const providerData = { thoughtSignature: SIGNATURE }
    const { body } = toWire(
      request({
        messages: [
          { role: 'system', content: 'Be brief' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'Is it warm?' },
              { type: 'image', data: 'AAAA', mediaType: 'image/png' },
            ],
          },
          {
            role: 'assistant',
            content: [
              { type: 'reasoning', text: 'Let me look.', providerData },
              {
                type: 'tool-call',
                id: 'fc',
                name: 'weather',
                arguments: { city: 'Oslo' },
                providerData: { ...providerData, id: 'fc' },
              },
            ],
          },
          { role: 'tool', content: [{ type: 'tool-result', id: 'fc', name: 'weather', content: 'warm' }] },
        ],
        tools: [{ name: 'weather', description: 'The weather', input }],
        toolChoice: { tool: 'weather' },
        maxOutputTokens: 100,
        temperature: 1,
        topP: 0.9,
        topK: 40,
        seed: 0,
        stop: 'END',
        output: input,
        reasoning: 'low',
        serviceTier: 'flex',
        providerOptions: {
          presencePenalty: 0.5,
          googleSearch: true,
          safetySettings: expected.safetySettings,
          cachedContent: 'cachedContents/a',
        },
      }),
    )
    expect(body).toEqual(expected)
  })

  it('take a budget of thoughts, and modes of answering', () => {
    const expected = {
      contents: [{ role: 'user', parts: [{ text: 'Hi' }] }],
      generationConfig: {
        responseModalities: ['TEXT', 'IMAGE'],
        imageConfig: { aspectRatio: '16:9' },
        mediaResolution: 'MEDIA_RESOLUTION_LOW',
        thinkingConfig: { includeThoughts: true, thinkingBudget: 8_192 },
      },
    } satisfies WireBody
    const { thinkingConfig: _, ...settings } = expected.generationConfig
    const asked = request({ model: 'gemini-2.5-flash', reasoning: 'medium', providerOptions: settings })
    expect(toWire(asked).body).toEqual(expected)
  })

  it('take files by their addresses, and pictures in results', () => {
    const expected = {
      contents: [
        {
          role: 'user',
          parts: [
            { fileData: { mimeType: 'application/pdf', fileUri: 'https://example.com/a.pdf' } },
            { fileData: { fileUri: 'https://youtu.be/9hE5-98ZeCg' } },
          ],
        },
        {
          role: 'model',
          parts: [
            { functionCall: { id: 'fc', name: 'draw', args: {} }, thoughtSignature: SIGNATURE },
            { functionCall: { id: 'fc2', name: 'draw', args: {} } },
          ],
        },
        {
          role: 'user',
          parts: [
            {
              functionResponse: {
                id: 'fc',
                name: 'draw',
                response: { output: 'A map' },
                parts: [{ inlineData: { mimeType: 'image/png', data: 'AAAA' } }],
              },
            },
            { functionResponse: { id: 'fc2', name: 'draw', response: { output: 'Nothing' } } },
          ],
        },
      ],
    } satisfies WireBody
    const call = { type: 'tool-call', name: 'draw', arguments: {} } as const
    const providerData = { thoughtSignature: SIGNATURE, id: 'fc' }
    const { body } = toWire(
      request({
        messages: [
          {
            role: 'user',
            content: [
              { type: 'file', url: 'https://example.com/a.pdf' },
              { type: 'file', url: 'https://youtu.be/9hE5-98ZeCg' },
            ],
          },
          {
            role: 'assistant',
            content: [
              { ...call, id: 'fc', providerData },
              { ...call, id: 'fc2', providerData: { id: 'fc2' } },
            ],
          },
          {
            role: 'tool',
            content: [
              {
                type: 'tool-result',
                id: 'fc',
                name: 'draw',
                content: 'A map',
                media: [{ type: 'image', data: 'AAAA', mediaType: 'image/png' }],
              },
              { type: 'tool-result', id: 'fc2', name: 'draw', content: 'Nothing' },
            ],
          },
        ],
      }),
    )
    expect(body).toEqual(expected)
  })

  it('take a request to embed', () => {
    const config = { taskType: 'RETRIEVAL_QUERY', outputDimensionality: 256 } satisfies EmbedContentConfig
    const content = { parts: [{ text: 'one' }] } satisfies Content
    const { body } = toEmbedWire({
      model: 'gemini-embedding-001',
      values: ['one'],
      dimensions: 256,
      providerOptions: { taskType: 'RETRIEVAL_QUERY' },
    })
    expect(body).toEqual({ requests: [{ model: 'models/gemini-embedding-001', content, ...config }] })
  })
})
