// From what a device's options say to where its lines go.

import { systemClock } from '../../../../lib/clock.ts'
import type { DeviceTarget } from '../device.ts'
import { fileTarget, type FilePlaces } from './file.ts'
import { datagramTarget, streamTarget } from './socket.ts'
import { discardTarget, stdoutTarget } from './stdout.ts'
import { syslogTarget } from './syslog.ts'
import type { Target } from './target.ts'

export const targetOf = (target: DeviceTarget, places: FilePlaces): Target => {
  switch (target.kind) {
    case 'file':
      return fileTarget({ path: target.path, mode: target.mode, ...places })
    case 'stdout':
      return stdoutTarget()
    case 'discard':
      return discardTarget()
    case 'unix':
      return streamTarget({ path: target.path }, target.timeoutMs)
    case 'socket':
      return target.protocol === 'udp' ? datagramTarget(target) : streamTarget({ host: target.host, port: target.port }, target.timeoutMs)
    case 'syslog':
      return syslogTarget(target, () => new Date(systemClock.wall()))
  }
}
