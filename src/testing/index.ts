// Everything that `import { … } from 'groat/testing'` offers.

// Far ends: real servers on loopback that speak a provider's protocol
export { fakeGemini } from './fake-gemini.ts'
export type {
  FakeGemini,
  FakeGeminiModel,
  FakeGeminiOptions,
  FakeGeminiToolCall,
  GeminiReply,
} from './fake-gemini.ts'
export { fakeOllama } from './fake-ollama.ts'
export type {
  FakeOllama,
  FakeOllamaModel,
  FakeOllamaOptions,
  FakeOllamaToolCall,
  OllamaReply,
} from './fake-ollama.ts'
export { fakeOpenAI } from './fake-openai.ts'
export type {
  FakeOpenAI,
  FakeOpenAIModel,
  FakeOpenAIOptions,
  OpenAIFault,
  OpenAIReply,
  OpenAIToolCall,
} from './fake-openai.ts'
export { fakeXai } from './fake-xai.ts'
export type { FakeXai, FakeXaiModel, FakeXaiOptions, XaiFault, XaiReply, XaiServerCall } from './fake-xai.ts'
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
export { geminiSubject } from './gemini-subject.ts'
export { mockSubject, ollamaSubject } from './subjects.ts'
export { openaiChatSubject, openaiSubject } from './openai-subject.ts'
export { xaiSubject } from './xai-subject.ts'

// A provider that bills, and ways to overspend, for any set-up that has budgets
export { startMeteredProvider } from './metered-provider.ts'
export type {
  MeteredBill,
  MeteredPrice,
  MeteredProvider,
  MeteredProviderOptions,
  MeteredRates,
  MeteredReply,
} from './metered-provider.ts'
export { groatSubject, type GroatSubjectOptions } from './overspend-groat.ts'
export { runOverspendScenario } from './overspend-run.ts'
export { overspendScenarios } from './overspend-scenarios.ts'
export type {
  OverspendAbility,
  OverspendAsk,
  OverspendLimit,
  OverspendOutcome,
  OverspendResult,
  OverspendScenario,
  OverspendSetup,
  OverspendSubject,
  OverspendVerdict,
  OverspendWorld,
} from './overspend.ts'
export type { OverspendAskChange, OverspendStage, OverspendWorker } from './overspend-stage.ts'
