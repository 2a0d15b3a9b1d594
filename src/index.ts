// Everything that `import { … } from 'groat'` offers.

// The client
export { AI, createAI, type Client } from './ai.ts'
export type { Handle } from './client/handle.ts'
export type { ModelChanges, Models, ProgressStream, ProviderModels } from './client/models.ts'
export type { AnswerStream } from './pipeline/answer-stream.ts'
export type { AIConfig } from './config/config.ts'
export type { ContextWindow } from './drivers/context-window.ts'
export type { OllamaOptions } from './drivers/ollama/api.ts'
export type {
  DriverContext,
  DriverFactory,
  MediaOptions,
  ProviderOptions,
  Timeouts,
} from './drivers/rooms.ts'

// Money
export { Amount, formatUsd } from './money/amount.ts'
export { usd } from './core/usd.ts'
export type { ModelTokenPrices } from './pricing/own-prices.ts'
export type {
  ModelLimits,
  ModelPrice,
  PriceList,
  PriceQuestion,
  Rates,
  UnitPrice,
} from './pricing/price-list.ts'

// A call and its answer
export type { Input, Message, Part, Role } from './core/message.ts'
export type { MediaPart, ReasoningPart, TextPart, ToolCallPart, ToolResultPart } from './core/message.ts'
export type { CallOptions, EmbedOptions, Reasoning, ToolChoice } from './core/request.ts'
export type { Attribution, ChatRequest, EmbedRequest, Sampling, Spending } from './core/request.ts'
export { tool } from './tools/tool.ts'
export { ToolOutput, type Tool, type ToolContext } from './core/tool.ts'
export type { JsonSchema, OutputOf, Schema, StandardSchema } from './core/schema.ts'
export type { AIResponse, Attempt, EmbedResponse, Timing, ToolCall } from './core/response.ts'
export type { FinishEvent, StreamEvent, ToolResultEvent } from './core/stream.ts'
export type { FinishReason } from './core/finish-reason.ts'
export type { RateLimit, RateLimits } from './core/rate-limits.ts'
export type { Usage } from './core/usage.ts'
export type { Cost, CostLine, LineKind, LineUnit, UsageLine } from './core/cost.ts'
export type { Warning } from './core/warning.ts'
export type { Call, Middleware, Next, Sink } from './core/call.ts'

// Providers
export { CAPABILITIES, type Capability } from './core/capability.ts'
export type { ModelInfo } from './core/model-info.ts'
export type { Health } from './core/health.ts'
export type { AttemptContext, Bill, Demand, Driver, Embedded, Locality, QueryOptions } from './core/driver.ts'
export type { CreateOptions, LoadOptions, ModelManagement, Progress, RunningModel } from './core/driver.ts'

// Prices, budgets and quotes
export type { ModelPrices, PriceOptions, Prices } from './client/prices.ts'
export type { Budgets, BudgetKey } from './client/budgets.ts'
export type { Books } from './client/books.ts'
export type { Budget, BudgetFacts, BudgetInput, BudgetPeriod, BudgetRefusal } from './core/budget.ts'
export type { BudgetScope, BudgetStatus, OnLimit } from './core/budget.ts'
export type { Quote } from './core/quote.ts'
export type { BuiltIn } from './config/config.ts'
export type { BudgetLedger, BudgetStore, BudgetWindow, HoldRequest } from './ledger/budget-store.ts'
export type {
  Discrepancy,
  Reservation,
  Scopes,
  SettledWindow,
  Settlement,
  Verification,
} from './ledger/budget-store.ts'

// Errors, events and the books
export { AIError, ERROR_CODES, isAIError } from './core/errors.ts'
export type { ErrorCode, ErrorDetails, PartialAnswer } from './core/errors.ts'
export type { CallFacts, EventName, Events, Listener } from './events/events.ts'
export type {
  Dimension,
  EntryKind,
  Ledger,
  LedgerEntry,
  LedgerFilter,
  LedgerTotal,
  Savings,
} from './ledger/ledger.ts'
export type { SeriesPoint, SeriesQuery, Step } from './ledger/series.ts'
export type { ExportOptions } from './ledger/export.ts'

// The outside world, for tests
export type { Clock, Runtime } from './runtime.ts'
