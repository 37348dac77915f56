// What a document shows of a terminal, as something that can be run: in fenced `console` blocks a line that starts with
// "$ " is a command, and the lines up to the next one are what it prints.

export interface Step {
  readonly command: string
  readonly output: string
}

export const stepsOf = (markdown: string): readonly Step[] =>
  [...markdown.matchAll(/^```console\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) =>
    block.split(/^\$ /m).slice(1).map((text) => {
      const [command = '', ...output] = text.split('\n')
      return { command, output: output.join('\n') }
    }))

const replacements: readonly (readonly [RegExp, string])[] = [
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'TIME'],
  [/\b(https?):\/\/127\.0\.0\.1:\d+/g, '$1://ADDRESS'],
  [/\b(org|req|sec|evt|grp|usr)_[0-9A-Za-z-]+/g, '$1_ID'],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, 'UUID'],
  [/\b(?=[0-9A-Za-z]*\d)[0-9A-Za-z]{25}\b/g, 'ACCESSOR'],
  [/\b[0-9a-f]{64}\b/g, 'FINGERPRINT'],
  [/\b\d+ records in \d+ frames\b/g, 'N records in N frames'],
  // Which of the two is said depends on whether the first checkpoint, ten seconds after the start, has been made.
  [/(Stream UUID): (no checkpoint vouches|frames after \d+ are newer).*/g, '$1: CHECKPOINTS'],
]

/** Without what differs from run to run: ids, times, addresses, counts of records. */
export const comparable = (text: string): string => replacements.reduce((rest, [pattern, name]) => rest.replaceAll(pattern, name), text).trimEnd()
