// Whether a role allows the address that a login wants to come back to.

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

const parsed = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined)

/** Word for word; on this machine any port will do, because a program there takes the one that is free (RFC 8252, 7.3). */
export const isAllowedRedirect = (uri: string, allowed: readonly string[]): boolean => {
  const wanted = parsed(uri)
  if (wanted === undefined || wanted.hash !== '' || wanted.username !== '' || wanted.password !== '') return false
  if (allowed.includes(uri)) return true
  if (!LOOPBACK.test(wanted.hostname)) return false
  return allowed.some((each) => {
    const other = parsed(each)
    return other !== undefined && LOOPBACK.test(other.hostname) && other.protocol === wanted.protocol && other.hostname === wanted.hostname && other.pathname === wanted.pathname && other.search === wanted.search
  })
}
