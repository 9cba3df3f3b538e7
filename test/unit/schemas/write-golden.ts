import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { goldenFiles } from './golden-events.ts'

const FOLDER = join(import.meta.dirname, '../../../schemas/golden')

for (const [name, text] of Object.entries(await goldenFiles())) writeFileSync(join(FOLDER, name), `${text}\n`)
