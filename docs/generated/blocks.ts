import { postgresSettings } from '../../connectors/postgres/settings.ts'
import { connectorSchema } from '../../core/config/load.ts'
import { workerSettings } from '../../core/config/settings.ts'
import { exampleEvent } from './example.ts'
import { errorsTable, glossaryTable, settingsTable } from './tables.ts'
import { postgresTypesTable } from './types.ts'

/** Every generated block, by the name that stands in its marker. */
export async function blocks(glossarySource: string): Promise<Readonly<Record<string, string>>> {
  return {
    'connector settings': settingsTable(connectorSchema({ postgres: postgresSettings }), ['source.']),
    'postgres settings': settingsTable(postgresSettings),
    'worker settings': settingsTable(workerSettings, ['kafka.', 'registry.']),
    'example event': `\`\`\`json\n${await exampleEvent()}\n\`\`\``,
    'postgres types': postgresTypesTable(),
    errors: errorsTable(),
    glossary: glossaryTable(glossarySource),
  }
}
