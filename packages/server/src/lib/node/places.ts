// Where the files lie that are read at run time. The code is one file for each module as sources, and a few bundled ones as installed, so that no module can tell
// by its own place.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

const packageAbove = (folder: string): string => (existsSync(join(folder, 'package.json')) ? folder : packageAbove(dirname(folder)))

/** The folder of this package's own package.json. */
export const packageRoot: string = packageAbove(import.meta.dirname)

const isCompiled = import.meta.filename.endsWith('.js')

/** The folder of the code that runs: `src` or `dist`. */
const codeRoot = join(packageRoot, isCompiled ? 'dist' : 'src')

/** A file that is no code, by its path below `src`; it lies at the same place below `dist`. */
export const assetPath = (path: string): string => join(codeRoot, path)

/** A program that is started as a process of its own, by its name without an ending. */
export const programPath = (name: string): string => join(codeRoot, `${name}.${isCompiled ? 'js' : 'ts'}`)
