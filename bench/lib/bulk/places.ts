// Where the secrets of the case `scale` lie: a hundred to a folder, folders dealt out over projects and their environments, so that
// more secrets are more folders in each of them. Computed from the folder's number, so that whoever reads need not be told.

export const PER_FOLDER = 100
const PROJECTS = 45
const ENVIRONMENTS = ['dev', 'staging', 'prod'] as const
const AREAS = ['billing', 'catalogue', 'checkout', 'delivery', 'identity', 'ledger', 'mail', 'risk', 'search', 'support'] as const

export const projects: readonly string[] = Array.from({ length: PROJECTS }, (_, index) => `team-${index}`)

export interface Folder {
  readonly project: string
  readonly environment: string
  readonly area: string
  /** Without a slash at its end. */
  readonly path: string
}

export const folderAt = (index: number): Folder => {
  const rest = Math.floor(index / PROJECTS)
  const service = Math.floor(rest / ENVIRONMENTS.length)
  const area = AREAS[service % AREAS.length] ?? ''
  return { project: projects[index % PROJECTS] ?? '', environment: ENVIRONMENTS[rest % ENVIRONMENTS.length] ?? '', area, path: `${area}/service-${service}` }
}

export const secretName = (index: number): string => `KEY_${String(index).padStart(2, '0')}`
