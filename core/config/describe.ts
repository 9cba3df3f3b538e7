import { z } from 'zod'

/** One line of the table of settings. */
export interface SettingRow {
  /** Its path, `kafka.sasl.mechanism`. */
  readonly setting: string
  /** What is allowed, in words. */
  readonly allowed: string
  /** As YAML text; null when there is none and the setting may be left out. */
  readonly standard: string | null
  readonly required: boolean
  readonly description: string
}

interface JsonSchema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly additionalProperties?: JsonSchema | boolean
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly default?: unknown
  readonly description?: string
  readonly minimum?: number
  readonly maximum?: number
}

/** The settings of a schema, block by block, each block after its own line. */
export function settingRows(schema: z.ZodType): SettingRow[] {
  const describe = (io: 'input' | 'output') =>
    z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as JsonSchema
  // What a user must write is known of the input; what is allowed, of the output.
  return rowsOf(describe('output'), '', requiredSettings(describe('input'), ''))
}

function rowsOf(schema: JsonSchema, prefix: string, required: ReadonlySet<string>): SettingRow[] {
  return propertiesOf(schema).flatMap(([name, property]) => {
    const setting = `${prefix}${name}`
    const isBlock = propertiesOf(property).length > 0
    const row: SettingRow = {
      setting,
      allowed: allowedText(property),
      standard: property.default === undefined || isBlock ? null : JSON.stringify(property.default),
      required: required.has(setting),
      description: property.description ?? '',
    }
    return [row, ...rowsOf(property, `${setting}.`, required)]
  })
}

function requiredSettings(schema: JsonSchema, prefix: string): Set<string> {
  const inner = propertiesOf(schema).flatMap(([name, property]) => [
    ...requiredSettings(property, `${prefix}${name}.`),
  ])
  const own = formsOf(schema).flatMap(({ required = [] }) => required)
  return new Set([...own.map(name => `${prefix}${name}`), ...inner])
}

const alternatives = ({ anyOf = [], oneOf = [] }: JsonSchema) => [...anyOf, ...oneOf]

/** The forms that a setting may have: itself, or any of several. */
const formsOf = (schema: JsonSchema): readonly JsonSchema[] => [schema, ...alternatives(schema)]

const propertiesOf = (schema: JsonSchema): [string, JsonSchema][] =>
  formsOf(schema).flatMap(({ properties = {} }) => Object.entries(properties))

function allowedText(schema: JsonSchema): string {
  const others = alternatives(schema)
  if (others.length > 0) return [...new Set(others.map(allowedText))].join(' or ')
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  if (schema.enum) return schema.enum.map(value => `\`${String(value)}\``).join(', ')
  if (schema.properties) return 'block'
  if (schema.type === 'array') return `list of ${allowedText(schema.items ?? {})}`
  if (schema.type === 'object') return 'map'
  if (schema.type === 'boolean') return '`true`, `false`'
  if (schema.type === 'integer') return `${schema.minimum} to ${schema.maximum}`
  return 'text'
}
