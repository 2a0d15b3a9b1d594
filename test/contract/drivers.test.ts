import { geminiSubject } from '../../src/testing/gemini-subject.ts'
import { openaiChatSubject, openaiSubject } from '../../src/testing/openai-subject.ts'
import { mockSubject, ollamaSubject } from '../../src/testing/subjects.ts'
import { xaiSubject } from '../../src/testing/xai-subject.ts'
import { holdToContract } from './hold-to-contract.ts'

const SUBJECTS = [mockSubject, ollamaSubject, openaiSubject, openaiChatSubject, xaiSubject, geminiSubject]

for (const subject of SUBJECTS) holdToContract(subject)
