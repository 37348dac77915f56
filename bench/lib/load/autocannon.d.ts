// What the bench uses of autocannon 8, which ships no types.
declare module 'autocannon' {
  interface Request { readonly method?: string; readonly path?: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  interface Options { readonly url: string; readonly connections: number; readonly duration: number; readonly requests?: readonly Request[]; readonly headers?: Readonly<Record<string, string>> }
  interface Result {
    readonly requests: { readonly total: number }
    readonly latency: { readonly p50: number; readonly p99: number }
    readonly duration: number
    readonly non2xx: number
    readonly errors: number
  }
  const run: (options: Options) => Promise<Result>
  export default run
}
