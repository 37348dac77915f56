// What is asked of a database that was filled: each secret by itself, and lists of its folders.

import type { RawRequest } from '../load/raw-client.ts'
import { folderAt, PER_FOLDER, secretName } from './places.ts'

export const shuffled = (count: number): readonly number[] => {
  const all = Array.from({ length: count }, (_, index) => index)
  for (let index = count - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1))
    ;[all[index], all[other]] = [all[other] ?? 0, all[index] ?? 0]
  }
  return all
}

const get = (token: string, project: string, path: string): RawRequest => ({ method: 'GET', path, headers: { 'x-vault-token': token, 'x-coffer-project': project } })

export const readsOf = (token: string, secrets: readonly number[]): readonly RawRequest[] =>
  secrets.map((index) => {
    const { project, environment, path } = folderAt(Math.floor(index / PER_FOLDER))
    return get(token, project, `/api/v1/secrets/${path}/${secretName(index % PER_FOLDER)}?environment=${environment}&reveal=true`)
  })

export const LISTS = ['list of a folder of 100', 'list below a prefix, first page of 100', 'KV v2 list of a folder of 100', 'KV v2 list of an environment\'s folders'] as const

/** As many of each as there shall be, of folders at random. */
export const listsOf = (token: string, secrets: number, count: number): Readonly<Record<(typeof LISTS)[number], readonly RawRequest[]>> => {
  const folders = shuffled(secrets / PER_FOLDER)
  const some = Array.from({ length: count }, (_, index) => folderAt(folders[index % folders.length] ?? 0))
  return {
    'list of a folder of 100': some.map(({ project, environment, path }) => get(token, project, `/api/v1/secrets?environment=${environment}&prefix=${path}&limit=${PER_FOLDER}`)),
    'list below a prefix, first page of 100': some.map(({ project, environment, area }) => get(token, project, `/api/v1/secrets?environment=${environment}&prefix=${area}&limit=100`)),
    'KV v2 list of a folder of 100': some.map(({ project, environment, path }) => get(token, project, `/v1/${project}/metadata/${environment}/${path}/?list=true`)),
    'KV v2 list of an environment\'s folders': some.map(({ project, environment }) => get(token, project, `/v1/${project}/metadata/${environment}/?list=true`)),
  }
}
