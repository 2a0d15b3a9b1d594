// Everything that `import { … } from 'groat/testing'` offers.

// Far ends: real servers on loopback that speak a provider's protocol
export { fakeOllama } from './fake-ollama.ts'
export type {
  FakeOllama,
  FakeOllamaModel,
  FakeOllamaOptions,
  FakeOllamaToolCall,
  OllamaReply,
} from './fake-ollama.ts'
export type { Delivery, FarEnd, FarEndOptions, Gate, RecordedRequest, Scripted } from './far-end.ts'

// A scripted provider without a server
export { mock } from '../drivers/mock/index.ts'
export type { MockFactory, MockOptions, MockReply, MockRequest, MockVectors } from '../drivers/mock/index.ts'

// Time in a test's hands
export { FakeClock } from './fake-clock.ts'

// The contract that every driver is held to
export { driverContract } from './contract-cases.ts'
export { CONTRACT_PRICES, runContractCase } from './driver-contract.ts'
export type {
  ContractCase,
  ContractFarEnd,
  ContractReply,
  ContractSubject,
  ContractVectors,
  ContractWorld,
} from './driver-contract.ts'
export { mockSubject, ollamaSubject } from './subjects.ts'
