/**
 * Whether this Node reads `await using`. Node 22 does not: there a program that says it is run as `tsc` wrote it, and
 * the command line as `npm run build` did.
 */
export const READS_AWAIT_USING: boolean = Number.parseInt(process.versions.node, 10) >= 24

/** What Node is given before a program whose stderr is looked at: Node 22 calls its SQLite experimental. */
export const QUIET: readonly string[] = READS_AWAIT_USING ? [] : ['--disable-warning=ExperimentalWarning']
