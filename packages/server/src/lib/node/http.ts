// Node's http without a module made of it: an import reads all that it exports, and one of those loads a whole client (undici, for `WebSocket`) that nothing here has
// need of, which was 70 to 90 ms of every worker's start.

const http = process.getBuiltinModule('node:http')

export const { createServer, request, ServerResponse, STATUS_CODES } = http
