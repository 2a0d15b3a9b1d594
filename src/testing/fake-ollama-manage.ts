import { createHash } from 'node:crypto'
import type { OllamaReply } from './fake-ollama-chat.ts'
import { digestOf, normalName, sizeOf, type Catalogue, type FakeOllamaModel } from './fake-ollama-models.ts'
import { decodeBody, Refusal, type Body } from './fake-ollama-request.ts'
import { asObject, errorAnswer, jsonAnswer, linesAnswer, TYPES, wholeAnswer } from './fake-ollama-wire.ts'
import { delivered, type Answer, type RecordedRequest } from './far-end.ts'

/** What the requests that manage models work with. */
export interface Warehouse {
  readonly catalogue: Catalogue
  /** The models that can be pulled. */
  readonly registry: readonly FakeOllamaModel[]
  /** The digests of the files that were uploaded. */
  readonly blobs: Set<string>
}

/** Fetches what the test wants to happen on the way: gates, delays, a break. */
type Saying = () => OllamaReply | undefined

const ONE_OBJECT = { status: 'success' }
/** The small layers behind the weights, in bytes: template, parameters, configuration. */
const SMALL_LAYERS = [1_482, 96, 485]
const NAME = /^[\w.:/-]*[\w]$/

/** The answer to a `POST /api/pull`: every error but a bad name comes as a line, since the first line never is one. */
export function pullAnswer(request: RecordedRequest, house: Warehouse, saying: Saying): Answer {
  const body = decodeBody(request)
  if (body instanceof Refusal) return body.answer
  const name = nameOf(body)
  if (!NAME.test(name)) return errorAnswer(400, 'invalid model name')
  const normal = normalName(name)
  const offered = house.registry.find((model) => normalName(model.name) === normal)
  const model = offered ?? house.catalogue.find(name)
  const reply = saying() ?? {}
  if (!model) {
    const error = 'pull model manifest: file does not exist'
    return workAnswer(body, reply, [{ status: 'pulling manifest' }], error)
  }
  const present = house.catalogue.find(name)
  const done = present !== undefined && digestOf(present) === digestOf(model)
  const layers = layersOf(model).flatMap((layer) => transfer('pulling', layer, done))
  if (breaksNothing(reply)) house.catalogue.add(model)
  return workAnswer(body, reply, [
    { status: 'pulling manifest' },
    ...layers,
    { status: 'verifying sha256 digest' },
    { status: 'writing manifest' },
    { status: 'success' },
  ])
}

/** The answer to a `POST /api/push`. */
export function pushAnswer(request: RecordedRequest, house: Warehouse, saying: Saying): Answer {
  const body = decodeBody(request)
  if (body instanceof Refusal) return body.answer
  const name = nameOf(body)
  if (name === '') return errorAnswer(400, 'model is required')
  const reply = saying() ?? {}
  const model = house.catalogue.find(name)
  const start = { status: 'retrieving manifest' }
  if (!model) {
    const missing = `open /models/manifests/registry.ollama.ai/library/${normalName(name).replace(':', '/')}: no such file or directory`
    return workAnswer(body, reply, [start, { status: "couldn't retrieve manifest" }], missing)
  }
  const layers = layersOf(model).flatMap((layer) => transfer('pushing', layer, false))
  return workAnswer(body, reply, [start, ...layers, { status: 'pushing manifest' }, { status: 'success' }])
}

/** The answer to a `POST /api/create`. What the model is made of is not looked at: only where it comes from. */
export function createAnswer(request: RecordedRequest, house: Warehouse, saying: Saying): Answer {
  const body = decodeBody(request)
  if (body instanceof Refusal) return body.answer
  const { from, files, adapters } = body
  const digests = Object.entries({ ...asObject(files), ...asObject(adapters) })
  if (digests.some(([path]) => path.startsWith('/') || path.includes('..')))
    return errorAnswer(400, 'file path must be relative')
  if (digests.some(([, digest]) => digest === '')) return errorAnswer(400, 'invalid digest format')
  const name = nameOf(body)
  if (!NAME.test(name)) return errorAnswer(400, 'invalid model name')
  const reply = saying() ?? {}
  if (typeof from === 'string' && from !== '') {
    const base = house.catalogue.find(from)
    if (!base) {
      const error = 'pull model manifest: file does not exist'
      return workAnswer(body, reply, [{ status: 'pulling manifest' }], error)
    }
    return madeAnswer(body, reply, house, { ...base, name })
  }
  if (digests.length === 0) {
    const refused = errorAnswer(400, "neither 'from' or 'files' was specified")
    return { ...refused, headers: { 'Content-Type': TYPES.upstream } }
  }
  const gone = digests.find(([, digest]) => !house.blobs.has(String(digest)))
  if (gone) {
    const path = `/models/blobs/${String(gone[1]).replace(':', '-')}`
    return workAnswer(body, reply, [{ status: 'parsing GGUF' }], `open ${path}: no such file or directory`)
  }
  return madeAnswer(body, reply, house, { name }, [{ status: 'parsing GGUF' }])
}

function madeAnswer(
  body: Body,
  reply: OllamaReply,
  { catalogue }: Warehouse,
  model: FakeOllamaModel,
  before: readonly object[] = [],
): Answer {
  const asked = { system: body['system'], parameters: body['parameters'], template: body['template'] }
  const made = { ...model, digest: hex(JSON.stringify([digestOf(model), asked])) }
  if (breaksNothing(reply)) catalogue.add(made)
  const digest = digestOf(model)
  return workAnswer(body, reply, [
    ...before,
    { status: `using existing layer sha256:${digest}` },
    { status: `using existing layer sha256:${hex(digest)}` },
    { status: `creating new layer sha256:${hex(`${made.digest} settings`)}` },
    { status: `creating new layer sha256:${hex(`${made.digest} config`)}` },
    { status: 'writing manifest' },
    { status: 'success' },
  ])
}

/** The answer to a `POST /api/copy`: nothing, where it went well. */
export function copyAnswer(request: RecordedRequest, { catalogue }: Warehouse): Answer {
  const body = decodeBody(request)
  if (body instanceof Refusal) return body.answer
  const { source = '', destination = '' } = body
  for (const [field, name] of Object.entries({ source, destination })) {
    if (typeof name !== 'string' || !NAME.test(name))
      return errorAnswer(400, `${field} ${JSON.stringify(name)} is invalid`)
  }
  const model = catalogue.find(String(source))
  if (!model) return errorAnswer(404, `model ${JSON.stringify(source)} not found`)
  catalogue.add({ ...model, name: String(destination), digest: digestOf(model), loaded: false })
  return nothing(200)
}

/** The answer to a `DELETE /api/delete`, whose body names the model. */
export function deleteAnswer(request: RecordedRequest, { catalogue }: Warehouse): Answer {
  const body = decodeBody(request)
  if (body instanceof Refusal) return body.answer
  const name = nameOf(body)
  if (!NAME.test(name)) return errorAnswer(400, `name ${JSON.stringify(name)} is invalid`)
  return catalogue.remove(name) ? nothing(200) : errorAnswer(404, `model '${name}' not found`)
}

/** The answer to `HEAD` and `POST /api/blobs/:digest`. */
export function blobAnswer(request: RecordedRequest, { blobs }: Warehouse): Answer {
  const digest = request.path.slice(request.path.lastIndexOf('/') + 1)
  if (!/^sha256[:-][0-9a-f]{64}$/.test(digest)) return errorAnswer(400, 'invalid digest format')
  if (request.method === 'HEAD') {
    return blobs.has(digest) ? nothing(200) : errorAnswer(404, `blob ${JSON.stringify(digest)} not found`)
  }
  if (blobs.has(digest)) return nothing(200)
  const found = `sha256:${createHash('sha256').update(request.bodyBytes).digest('hex')}`
  if (found !== digest)
    return errorAnswer(
      400,
      `digest mismatch, expected ${JSON.stringify(digest)}, got ${JSON.stringify(found)}`,
    )
  blobs.add(digest)
  return nothing(201)
}

function nothing(status: number): Answer {
  return wholeAnswer(status, TYPES.text, '')
}

function nameOf({ model, name }: Body): string {
  const given = model ?? name
  return typeof given === 'string' ? given : ''
}

/** Whether an answer comes to its end, and what it says has then been done. */
function breaksNothing({ cutAfter, endAfter, stallAfter }: OllamaReply): boolean {
  return (cutAfter ?? endAfter ?? stallAfter) === undefined
}

/** Lines, and an error as the last of them; one object where no stream was asked for. */
function workAnswer({ stream }: Body, reply: OllamaReply, lines: readonly object[], error?: string): Answer {
  if (stream === false) {
    return delivered(error === undefined ? jsonAnswer(ONE_OBJECT) : errorAnswer(500, error), reply)
  }
  return delivered(linesAnswer(error === undefined ? lines : [...lines, { error }]), reply)
}

interface Layer {
  readonly digest: string
  readonly size: number
}

function layersOf(model: FakeOllamaModel): Layer[] {
  const small = SMALL_LAYERS.map((size, index) => ({ digest: hex(`${digestOf(model)} ${index}`), size }))
  return [{ digest: hex(digestOf(model)), size: sizeOf(model) }, ...small]
}

/** The lines about one layer: none of it (a count that is zero is left out), half, all; or all at once where it is there. */
function transfer(verb: string, { digest, size }: Layer, done: boolean): object[] {
  const line = { status: `${verb} ${digest.slice(0, 12)}`, digest: `sha256:${digest}`, total: size }
  const all = { ...line, completed: size }
  return done ? [all] : [line, { ...line, completed: Math.floor(size / 2) }, all]
}

function hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
