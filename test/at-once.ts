import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'

/** What happens at once is seen before so many messages went to another server and back. */
const ROUND_TRIPS_MAX = 20

/**
 * Does something, and says whether something is true before twenty messages went there and back over another connection
 * of this machine. In place of a bound in milliseconds: these are some few where nothing else runs, and a machine under
 * load delays both alike.
 */
export async function isSeenAtOnce(isTrue: () => boolean, act: () => void = () => {}): Promise<boolean> {
  const server = createServer((socket) => void socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  try {
    act()
    for (let trips = 0; trips < ROUND_TRIPS_MAX && !isTrue(); trips++) {
      socket.write('x')
      await once(socket, 'data')
    }
    return isTrue()
  } finally {
    socket.destroy()
    server.close()
  }
}
