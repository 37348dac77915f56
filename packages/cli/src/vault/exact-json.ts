// JSON whose numbers survive: what a double cannot hold goes out as the digits that came in (a number that JavaScript
// rounds would be another secret at the other end).

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown

// Node 24 has both (TC39's "JSON.parse source text access"); the compiler's library does not know them yet.
const { parse, rawJSON } = JSON as unknown as { parse(text: string, reviver: Reviver): unknown; rawJSON(text: string): unknown }

export const parseExact = (text: string): unknown =>
  parse(text, (_key, value, { source }) => (typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value))

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The same text for the same value, whatever the order of its names. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) => (isPlain(item) && !Object.isFrozen(item) ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1))) : item))

export const recordOf = (value: unknown): Readonly<Record<string, unknown>> => (isPlain(value) ? value : {})
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
export const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0)
export const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [])
