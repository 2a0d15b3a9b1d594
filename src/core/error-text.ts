/** A JSON object at the start of a text, where there is one: servers may append a line of their own to it. */
export function leadingObject(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith('{')) return undefined
  for (const end of [text.length, text.indexOf('}\n') + 1, text.lastIndexOf('}') + 1]) {
    const value = parsed(text.slice(0, end))
    if (isObject(value)) return value
  }
  return undefined
}

/** A text without HTML around it and with single spaces: proxies answer with pages. */
export function plainText(text: string): string {
  const isPage = text.startsWith('<') || /<(?:!doctype|html|head|body)\b/i.test(text)
  const plain = isPage ? text.replace(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ') : text
  return plain.replace(/\s+/g, ' ').trim()
}

/** What an error object says; all of it as JSON where it has no `message`. */
export function messageOf(error: unknown): string {
  return isObject(error) && typeof error['message'] === 'string' ? error['message'] : JSON.stringify(error)
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
