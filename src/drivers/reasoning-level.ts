export { downgraded, nearestLevel, type ReasoningLevel } from '../core/reasoning-level.ts'
