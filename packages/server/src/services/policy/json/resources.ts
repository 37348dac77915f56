// Resources of JSON policies, in three unambiguous spellings:
//
//   prod/payments/*            in the default project
//   billing:prod/payments/*    in the project `billing`; the first colon ends the project; `*:` is every project
//   /sys/policies/acl/*        a Vault API path, known by its leading slash
//
// Wildcards: `+` is exactly one segment. `*` may stand only at the very end: as a whole segment it is everything
// below, at any depth; after other characters (`prod/pay*`) it stays within its segment.

import { mayMeet, type Share } from '../acl/pattern.ts'
import type { PolicyResource, ResourcePattern } from '../types.ts'

const maxPatternBytes = 1024

/** Takes a resource apart. Returns the reason as a string when it is not one. */
export const parseResourcePattern = (text: string): ResourcePattern | string => {
  if (text === '') return 'is empty'
  if (Buffer.byteLength(text) > maxPatternBytes) return `is longer than ${maxPatternBytes} bytes`
  // eslint-disable-next-line no-control-regex -- control characters are exactly what is refused
  if (/[\u0000-\u001f\u007f]/.test(text) || !text.isWellFormed()) return 'holds control characters'
  if (text !== text.normalize('NFC')) return 'is not in Unicode normal form C, so that it could match no path'
  if (text.startsWith('/')) {
    const pattern = text.slice(1)
    if (pattern.startsWith('v1/')) return 'begins with /v1/; leave that out'
    const wrong = checkPattern(pattern)
    return wrong ?? { form: 'api', text, pattern }
  }
  const colon = text.indexOf(':')
  const project = colon < 0 ? undefined : text.slice(0, colon)
  const pattern = text.slice(colon + 1)
  const wrong = (project === undefined ? undefined : checkProject(project)) ?? checkPattern(pattern)
  return wrong ?? { form: 'path', text, project, pattern }
}

const checkProject = (project: string): string | undefined => {
  if (project === '') return 'has nothing before its colon; name the project, or leave the colon out'
  if (project !== '*' && project.includes('*') && project.indexOf('*') !== project.length - 1) return 'has a * inside the name of its project'
  if (project.split('/').some((part) => part === '' || part === '.' || part === '..')) return 'has an empty or dot segment in its project'
  return undefined
}

const checkPattern = (pattern: string): string | undefined => {
  if (pattern === '') return 'names no path'
  if (pattern.endsWith('/')) return 'ends in a slash; end it with /* for everything below, or leave the slash out'
  if (pattern.split('/').some((part) => part === '' || part === '.' || part === '..')) return 'has an empty or dot segment'
  if (pattern.slice(0, -1).includes('*')) return 'has a * before its end; + stands for exactly one segment'
  return undefined
}

/** Compiled once; `project` is what an absent one means. */
export interface ResourceMatcher {
  readonly text: string
  readonly form: 'path' | 'api'
  /** Undefined: matches in no project, because there is no default one. */
  readonly project: { readonly exact: string } | { readonly prefix: string } | undefined
  /** `tree`: ends in a whole `*`. `glob`: ends in `abc*`. */
  readonly end: 'exact' | 'tree' | 'glob'
  /** Without the final star; a tree keeps its slash. */
  readonly stem: string
  /** Of the stem, when a `+` stands in it. */
  readonly parts: readonly string[] | undefined
}

export const compileResource = (resource: ResourcePattern, defaultProject: string | undefined): ResourceMatcher => {
  const { pattern } = resource
  const tree = pattern === '*' || pattern.endsWith('/*')
  const glob = !tree && pattern.endsWith('*')
  const stem = tree || glob ? pattern.slice(0, -1) : pattern
  const parts = stem.split('/').includes('+') ? (tree ? stem.slice(0, -1) : stem).split('/') : undefined
  return {
    text: resource.text, form: resource.form, stem, parts,
    end: tree ? 'tree' : glob ? 'glob' : 'exact',
    project: resource.form === 'api' ? undefined : compileProject(resource.project ?? defaultProject),
  }
}

const compileProject = (project: string | undefined): ResourceMatcher['project'] => {
  if (project === undefined) return undefined
  return project.endsWith('*') ? { prefix: project.slice(0, -1) } : { exact: project }
}

const withoutSlash = (text: string): string => (text.endsWith('/') ? text.slice(0, -1) : text)

/** What the patterns of one request are held against; made once per request. */
export interface ResourceSubject {
  readonly project: string | undefined
  /** `env/path`; a folder or an environment ends in a slash. Undefined: no pattern of the path form matches. */
  readonly path: string | undefined
  readonly apiPath: string
}

export const subjectOf = (resource: PolicyResource, listing: boolean): ResourceSubject => {
  const path = pathOf(resource)
  if (!listing) return { project: resource.project, path, apiPath: resource.apiPath }
  return { project: resource.project, path: path === undefined ? undefined : withSlash(path), apiPath: withSlash(resource.apiPath) }
}

/** A list is of a folder, however its path was written. */
export const withSlash = (text: string): string => (text === '' || text.endsWith('/') ? text : `${text}/`)

const pathOf = ({ kind, project, environment, path }: PolicyResource): string | undefined => {
  if (project === undefined) return undefined
  if (environment !== undefined) return `${environment}/${path ?? ''}`
  // A secret always has an environment; without one its path must not be read as if it began with it.
  return kind === 'secret' && path !== undefined && path !== '' ? undefined : path ?? ''
}

export const matchesResource = (matcher: ResourceMatcher, subject: ResourceSubject): boolean => {
  if (matcher.form === 'api') return matchesText(matcher, subject.apiPath)
  if (subject.path === undefined || subject.project === undefined) return false
  return matchesProject(matcher.project, subject.project) && matchesText(matcher, subject.path)
}

const matchesProject = (wanted: ResourceMatcher['project'], project: string): boolean => {
  if (wanted === undefined) return false
  if ('exact' in wanted) return wanted.exact === project
  return wanted.prefix === '' || (project.startsWith(wanted.prefix) && !project.includes('/', wanted.prefix.length))
}

const matchesText = ({ end, stem, parts }: ResourceMatcher, text: string): boolean => {
  if (parts !== undefined) return matchesParts(parts, end, text)
  if (end === 'tree') return text.startsWith(stem)
  const bare = withoutSlash(text)
  if (end === 'exact') return bare === stem
  return bare.startsWith(stem) && !bare.includes('/', stem.length)
}

/** Walks the text instead of splitting it: this runs for every statement of a principal. */
const matchesParts = (wanted: readonly string[], end: ResourceMatcher['end'], text: string): boolean => {
  const length = end !== 'tree' && text.endsWith('/') ? text.length - 1 : text.length
  let from = 0
  for (let index = 0; index < wanted.length; index += 1) {
    if (from > length) return false
    const slash = text.indexOf('/', from)
    const to = slash < 0 || slash > length ? length : slash
    const glob = end === 'glob' && index === wanted.length - 1
    if (!matchesSegment(wanted[index] ?? '', glob, text, from, to)) return false
    from = to + 1
  }
  // A tree needs something, at least the slash of a folder, after its stem.
  return end === 'tree' ? from <= length : from > length
}

const matchesSegment = (want: string, glob: boolean, text: string, from: number, to: number): boolean => {
  if (want === '+') return to > from
  const size = to - from
  return (glob ? size >= want.length : size === want.length) && text.startsWith(want, from)
}

/** Of subjects that are like this one, whose texts end with a slash, but go on behind it and do not end with one: what the matcher says of all of them. */
export const shareOfResource = (matcher: ResourceMatcher, subject: ResourceSubject): Share => {
  if (matcher.form === 'api') return shareOfText(matcher, subject.apiPath)
  if (subject.path === undefined || subject.project === undefined || !matchesProject(matcher.project, subject.project)) return 'none'
  return shareOfText(matcher, subject.path)
}

const shareOfText = (matcher: ResourceMatcher, beginning: string): Share => {
  const { end, stem, parts } = matcher
  if (end === 'tree' && matchesText(matcher, beginning)) return 'all'
  if (parts !== undefined) return mayMeet(literalOf(parts), beginning) ? 'some' : 'none'
  // What is longer than the beginning is about some of what follows; what is shorter ends before its last slash, and covers only what has none behind it.
  return stem.startsWith(beginning) ? 'some' : 'none'
}

/** The segments before the first wildcard. */
const literalOf = (parts: readonly string[]): string => parts.slice(0, parts.indexOf('+')).map((part) => `${part}/`).join('')
