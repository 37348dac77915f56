// A second reporter of `node --test`, beside the one for people: the totals, as JSON, for the runner's closing line.
import type { TestEvent } from 'node:test/reporters'

export async function* countsReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    // Each file has a summary too; the one without a file is the run's.
    if (event.type === 'test:summary' && event.data.file === undefined) yield JSON.stringify(event.data.counts)
  }
}

// node:test takes a reporter from a module's default export.
export { countsReporter as default }
