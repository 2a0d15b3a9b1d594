/** Networks of IPv4 that are not the public internet, by their first address and the length of their prefix in bits. */
const NOT_PUBLIC_V4: readonly (readonly [network: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]

/** The same within 2000::/3, outside of which nothing of IPv6 is public: by the first two groups. */
const NOT_PUBLIC_V6: readonly ((first: number, second: number) => boolean)[] = [
  // Protocol assignments, Teredo among them; 6to4, which has an IPv4 address inside; documentation (twice).
  (first, second) => first === 0x2001 && second < 0x200,
  (first) => first === 0x2002,
  (first, second) => first === 0x2001 && second === 0xdb8,
  (first) => first === 0x3fff,
]

/**
 * Whether an IP address is one of the public internet (IANA's special-purpose registries): not loopback, private,
 * link-local, multicast or reserved, also not inside of an IPv6 address. What is no address is not public.
 */
export function isPublicAddress(address: string): boolean {
  return address.includes(':') ? isPublicV6(address) : isPublicV4(address)
}

function isPublicV4(address: string): boolean {
  const value = v4Value(address)
  if (value === undefined) return false
  return !NOT_PUBLIC_V4.some(([network, bits]) => {
    const size = 2 ** (32 - bits)
    return Math.floor(value / size) === Math.floor((v4Value(network) ?? 0) / size)
  })
}

function v4Value(address: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)?.slice(1).map(Number)
  if (parts === undefined || parts.some((part) => part > 255)) return undefined
  return parts.reduce((value, part) => value * 256 + part, 0)
}

function isPublicV6(address: string): boolean {
  // The URL parser checks the address and writes it in one way: lower case, without leading zeros.
  const written = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1)
  if (written === undefined) return false
  const [head = '', tail] = written.split('::')
  const groupsOf = (text: string | undefined): number[] =>
    text === undefined || text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [before, after] = [groupsOf(head), groupsOf(tail)]
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after]
  const [first = 0, second = 0] = groups
  if (first === 0x64 && second === 0xff9b && groups.slice(2, 6).every((group) => group === 0)) {
    // An IPv4 address behind a translator.
    return isPublicV4(v4Text(groups))
  }
  return first >= 0x2000 && first <= 0x3fff && !NOT_PUBLIC_V6.some((is) => is(first, second))
}

function v4Text(groups: readonly number[]): string {
  const [high = 0, low = 0] = groups.slice(6)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
