import { TributaryError } from '../core/errors.ts'
import type { Table } from '../core/types.ts'

const MAX_TOPIC_LENGTH = 249

/** `public.orders`, as people know it; for messages. */
export function tableLabel(table: Pick<Table, 'schema' | 'name'>): string {
  return table.name === '' ? 'of messages' : `${table.schema}.${table.name}`
}

export function keySubject(topic: string): string {
  return `${topic}-key`
}

export function valueSubject(topic: string): string {
  return `${topic}-value`
}

/** Avro namespace of a topic's records: the topic with each dot-separated part made a legal Avro name. */
export function namespaceOf(topic: string): string {
  return topic.split('.').map(legalName).join('.')
}

/**
 * Field names of a table's columns, in column order.
 *
 * @throws TributaryError NAME_COLLISION when two columns meet on one name
 */
export function fieldNamesOf(table: Table): readonly string[] {
  const columnByField = new Map<string, string>()
  for (const { name } of table.columns) {
    const field = legalName(name)
    const other = columnByField.get(field)
    if (other !== undefined) {
      throw new TributaryError(
        'NAME_COLLISION',
        `Table ${tableLabel(table)}: the columns "${other}" and "${name}" both become the field "${field}".`,
      )
    }
    columnByField.set(field, name)
  }
  return [...columnByField.keys()]
}

/** A legal Avro name: `[A-Za-z_][A-Za-z0-9_]*`. */
function legalName(name: string): string {
  const legal = name.replace(/[^A-Za-z0-9_]/gu, '_')
  return /^[A-Za-z_]/.test(legal) ? legal : `_${legal}`
}

/**
 * Gives tables their topics and remembers which table has which, so that no two share one. The versions of
 * one table are the same table here: its topic outlives its shapes.
 */
export class TopicNames {
  readonly #prefix: string
  /**
   * By the topic with `.` as `_`: Kafka refuses two topics that differ only in these (their metrics clash).
   */
  readonly #owners = new Map<
    string,
    { readonly id: string; readonly label: string; readonly topic: string }
  >()

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /**
   * `PREFIX.SCHEMA.TABLE`; characters that Kafka forbids become `_`.
   *
   * @throws TributaryError NAME_COLLISION when another table has this topic, KAFKA_TOPIC_UNSUITABLE when the
   * name is longer than Kafka allows
   */
  topicOf(table: Table): string {
    const { database, schema, name } = table
    const topic = `${this.#prefix}.${schema}.${name}`.replace(/[^A-Za-z0-9._-]/gu, '_')
    if (topic.length > MAX_TOPIC_LENGTH) {
      throw new TributaryError(
        'KAFKA_TOPIC_UNSUITABLE',
        `Table ${tableLabel(table)}: the topic name ${topic} is longer than ${MAX_TOPIC_LENGTH} characters.`,
      )
    }
    const slot = topic.replaceAll('.', '_')
    const id = JSON.stringify([database, schema, name])
    const owner = this.#owners.get(slot)
    if (owner === undefined) this.#owners.set(slot, { id, label: tableLabel(table), topic })
    else if (owner.id !== id) throw collision(owner, { label: tableLabel(table), topic })
    return topic
  }
}

function collision(
  one: { readonly label: string; readonly topic: string },
  other: { readonly label: string; readonly topic: string },
): TributaryError {
  const message =
    one.topic === other.topic
      ? `The tables ${one.label} and ${other.label} both end on the topic ${one.topic}.`
      : `The tables ${one.label} and ${other.label} end on the topics ${one.topic} and ${other.topic}: ` +
        'Kafka refuses topics that differ only in "." and "_".'
  return new TributaryError('NAME_COLLISION', message)
}
