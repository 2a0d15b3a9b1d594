#!/usr/bin/env node
import { fstatSync } from 'node:fs'
import process from 'node:process'
import { systemRuntime } from '../runtime.ts'
import { EXIT, outputFailure } from './failure.ts'
import { run } from './run.ts'
import type { Terminal } from './terminal.ts'

// Node 22 calls its SQLite and its reading of TypeScript experimental, which is nothing that users can act on.
const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void
process.emitWarning = (...args: unknown[]): void => {
  if (args[1] !== 'ExperimentalWarning') emitWarning(...args)
}

const readerLeft = new AbortController()
let outputFailed = false
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  readerLeft.abort()
  // EPIPE: whoever read this has left, and has had enough.
  if (error.code === 'EPIPE' || outputFailed) return
  outputFailed = true
  process.exitCode = EXIT.failed
  process.stderr.write(`${outputFailure(error)}\n`)
})
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  // Nothing is left to tell it with; what was asked for goes to stdout all the same.
  if (error.code === 'EPIPE') readerLeft.abort()
})

const listeners: (() => void)[] = []
let interrupts = 0
const interrupted = (): void => {
  const listener = listeners.at(-1)
  // A second Ctrl-C while the first is still at work ends the program without waiting.
  if (!listener || ++interrupts > 1) process.exit(EXIT.interrupted)
  listener()
}

const terminal: Terminal = {
  argv: process.argv.slice(2),
  cwd: process.cwd(),
  stdin: process.stdin,
  stdinEnds: stdinEnds(),
  stdout: process.stdout,
  stderr: process.stderr,
  runtime: systemRuntime,
  readerLeft: readerLeft.signal,
  onInterrupt: (listener) => {
    // Where nobody listens, the system ends the program at once, also in the middle of a long question to the ledger.
    if (listeners.push(listener) === 1) process.on('SIGINT', interrupted)
    interrupts = 0
    return () => {
      listeners.splice(listeners.lastIndexOf(listener), 1)
      if (listeners.length === 0) process.off('SIGINT', interrupted)
    }
  },
}

function stdinEnds(): boolean {
  try {
    const stat = fstatSync(0)
    return stat.isFIFO() || stat.isFile()
  } catch {
    // Closed by whoever started us.
    return false
  }
}

const code = await run(terminal)
if (!outputFailed) process.exitCode = code
// What still waits to be read keeps a process alive.
process.stdin.destroy()
