// The client: one method for each operation of the native and the flat door, by its id (`secrets.get`, `tokens.create`).

import { createCaller, type ClientOptions } from './caller.ts'
import { operations, type Api } from './generated/api.ts'
import { refuseOtherOperation, type CallOptions } from './operation.ts'
import { createSystem, type System } from './system.ts'

export interface Client extends Omit<Api, 'system'> {
  readonly system: System & Api['system']
}

/** Nothing is sent before the first call. @throws CofferError when the address is not one */
export const createClient = (options: ClientOptions): Client => {
  const call = createCaller(options)
  const groups: Record<string, Record<string, unknown>> = {}
  for (const [id, facts] of Object.entries(operations)) {
    const [group = '', name = ''] = id.split('.')
    const methods = (groups[group] ??= {})
    methods[name] = async (input: Readonly<Record<string, unknown>> = {}, callOptions?: CallOptions) => {
      refuseOtherOperation(facts, input, operations)
      return call(facts, input, callOptions)
    }
  }
  // Table and interface come out of one generator, so the table has what the interface says.
  const api = groups as unknown as Api
  return { ...api, system: { ...api.system, ...createSystem(call) } }
}
