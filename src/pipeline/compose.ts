import type { Middleware, Next } from '../core/call.ts'

/**
 * Makes one function of a chain of middleware and what lies at its end. The first one is outermost. `next` may be
 * called once: a second call would send, and pay for, the same call again.
 */
export function compose(chain: readonly Middleware[], last: Next): Next {
  return chain.reduceRight<Next>((inner, middleware) => {
    return (call) => {
      let called = false
      return middleware(call, (passed) => {
        if (called) return Promise.reject(new Error('Middleware called next() twice: it may be called once'))
        called = true
        return inner(passed)
      })
    }
  }, last)
}
