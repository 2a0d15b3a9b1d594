export {
  bad,
  fault,
  findRow,
  never,
  row,
  toAIError,
  unavailable,
  type Row,
  type Told,
  type When,
} from '../core/error-rows.ts'
