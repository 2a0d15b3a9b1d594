/** A text out of a configuration or the environment: what is pasted has blanks around it, which no header may have. */
export function pasted(text: string | undefined): string | undefined {
  return text?.trim() || undefined
}
