// The two modules of undici that are needed, and no more: loading all of it takes twice as long, and replaces the
// dispatcher of the `fetch` of the whole process. The version is pinned exactly for the sake of these paths.
declare module 'undici/lib/dispatcher/client.js' {
  import type { Client } from 'undici'

  const client: typeof Client
  export default client
}

declare module 'undici/lib/core/connect.js' {
  import type { buildConnector } from 'undici'

  const connect: typeof buildConnector
  export default connect
}
