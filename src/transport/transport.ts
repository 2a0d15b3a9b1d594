/** Four clocks on one request, in milliseconds; an absent one never fires. */
export interface Deadlines {
  /** Until the connection stands, TLS included. */
  readonly connectMs?: number | undefined
  /** From then until the response's headers. A local server that loads a model is silent for minutes. */
  readonly firstByteMs?: number | undefined
  /** Between two pieces of the body; it rests while the reader is busy. */
  readonly idleMs?: number | undefined
  /** For everything together. */
  readonly totalMs?: number | undefined
}

/** One HTTP request. Redirects are never followed. */
export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD'
  /** Absolute, without user info. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly deadlines?: Deadlines
  readonly signal?: AbortSignal | undefined
}

/** A response whose headers have come; its body must be consumed or aborted. */
export interface Exchange {
  readonly status: number
  /** By lower-case name; repeated headers are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * Hands the body to `take` as it comes, what arrived together as one piece, and resolves at its end. When `take`
   * returns a promise the connection is paused until it resolves; when it throws, the exchange is aborted and the error
   * passed on. Rejects with `stream_interrupted`, `timed_out` or `aborted`, and the second time with `request_invalid`.
   */
  consume(take: (piece: Uint8Array) => void | Promise<void>): Promise<void>
  /** Closes the connection at once; harmless after the end. */
  abort(): void
}

/** The only way to the network. One connection pool per instance. */
export interface Transport {
  /**
   * Resolves when the headers are there, whatever the status. Rejects with `network_failed`, `timed_out` or `aborted`,
   * and with `config_invalid` for an address or a header that HTTP does not allow.
   */
  send(request: TransportRequest): Promise<Exchange>
  /** Closes every connection: what still runs fails with `aborted`, and so does every later call. */
  close(): Promise<void>
}
