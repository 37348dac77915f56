// Operations on JSON maps, pure: merge patches and the structure without values.

export type JsonMap = Readonly<Record<string, unknown>>

const isMap = (value: unknown): value is JsonMap => value !== null && typeof value === 'object' && !Array.isArray(value) && !isRaw(value)
// Numbers that a double cannot hold travel as JSON.rawJSON objects.
const isRaw = (value: object): boolean => 'rawJSON' in value && Object.keys(value).length === 1 && Object.isFrozen(value)

/** RFC 7396: null removes, objects merge, anything else replaces. */
export const mergePatch = (target: JsonMap, patch: JsonMap): JsonMap => {
  const out: Record<string, unknown> = { ...target }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(out, key)
    else {
      const before = out[key]
      out[key] = isMap(value) ? mergePatch(isMap(before) ? before : {}, value) : value
    }
  }
  return out
}

/** Every value null; maps down to `depth` levels, 0: all. */
export const subkeysOf = (map: JsonMap, depth: number, level = 1): JsonMap =>
  Object.fromEntries(Object.entries(map).map(([key, value]) => [key, isMap(value) && Object.keys(value).length > 0 && (depth === 0 || level < depth) ? subkeysOf(value, depth, level + 1) : null]))
