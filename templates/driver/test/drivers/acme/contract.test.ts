import { acmeSubject } from '../../../src/testing/acme-subject.ts'
import { holdToContract } from '../../contract/hold-to-contract.ts'

holdToContract(acmeSubject)
