// JSONx: JSON as XML, as Vault's devices write it (IBM's schema, names sorted, no header around an entry).

const escaped = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- XML 1.0 has no form at all for these
  text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&#34;').replaceAll("'", '&#39;').replaceAll('\n', '&#xA;').replaceAll('\r', '&#xD;').replaceAll('\t', '&#x9;')

const element = (value: unknown, name: string | undefined): string => {
  const named = name === undefined ? '' : ` name="${escaped(name)}"`
  if (value === null || value === undefined) return `<json:null${named} />`
  if (Array.isArray(value)) return `<json:array${named}>${value.map((item) => element(item, undefined)).join('')}</json:array>`
  if (typeof value === 'object') return `<json:object${named}>${members(value)}</json:object>`
  const kind = typeof value === 'boolean' ? 'boolean' : typeof value === 'number' ? 'number' : 'string'
  return `<json:${kind}${named}>${escaped(typeof value === 'string' ? value : JSON.stringify(value))}</json:${kind}>`
}

const members = (value: object): string =>
  Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, each]) => element(each, name))
    .join('')

export const formatJsonx = (value: object): string => members(value)
