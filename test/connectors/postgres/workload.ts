/** Numbers that look random and come again with the same seed. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** 0 up to `sides` - 1. */
  roll(sides: number): number {
    // "mulberry32": a counter and a mixing of its bits.
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) % sides
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.roll(items.length)] as Item
  }
}

/**
 * Tables with every replica identity, one with a deferrable key, one of partitions and one that is not captured. Their columns
 * `id`, `v` and `big` stay; others come, go and are renamed.
 */
export const WORKLOAD_TABLES = `
  CREATE TABLE plain (id int PRIMARY KEY, v text, big text);
  CREATE TABLE entire (v text, big text, id int PRIMARY KEY); ALTER TABLE entire REPLICA IDENTITY FULL;
  CREATE TABLE shifting (id int PRIMARY KEY DEFERRABLE, v text, big text); ALTER TABLE shifting REPLICA IDENTITY FULL;
  CREATE TABLE indexed (v text, id int NOT NULL, big text); CREATE UNIQUE INDEX indexed_id ON indexed (id);
  ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_id;
  CREATE TABLE parted (id int PRIMARY KEY, v text, big text) PARTITION BY HASH (id);
  CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
  CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  CREATE TABLE unseen (id int PRIMARY KEY, v text, big text);
  ALTER TABLE plain ALTER big SET STORAGE EXTERNAL; ALTER TABLE entire ALTER big SET STORAGE EXTERNAL`

export const CAPTURED = ['plain', 'entire', 'shifting', 'indexed', 'parted'] as const
const TABLES = [...CAPTURED, 'unseen'] as const
const KEYS = 25

/** Statements of random transactions. One that the server refuses ends its transaction, which is as good as another. */
export class Workload {
  readonly #dice: Dice
  #values = 0
  #columns = 0

  constructor(dice: Dice) {
    this.#dice = dice
  }

  /** From BEGIN to COMMIT or ROLLBACK. */
  transaction(): string[] {
    const dice = this.#dice
    const isLarge = dice.roll(8) === 0
    const statements = Array.from({ length: 1 + dice.roll(isLarge ? 30 : 4) }, () => this.#statement())
    if (dice.roll(4) === 0) statements.splice(dice.roll(statements.length), 0, ...this.#undone())
    const ending = dice.roll(10) === 0 ? 'ROLLBACK' : 'COMMIT'
    return ['BEGIN', 'SET CONSTRAINTS ALL DEFERRED', ...statements, ending]
  }

  #undone(): string[] {
    return ['SAVEPOINT s', this.#statement(), this.#statement(), 'ROLLBACK TO s']
  }

  #statement(): string {
    const dice = this.#dice
    const table = dice.pick(TABLES)
    const kind = dice.roll(100)
    if (kind < 6) return this.#alter(table)
    if (kind < 8) return `TRUNCATE ${table}`
    if (kind < 40) return this.#insert(table)
    if (kind < 60) return `UPDATE ${table} SET v = '${this.#value()}' WHERE id = ${this.#key()}`
    if (kind < 65)
      return `UPDATE ${table} SET big = repeat('${this.#value()}', 400) WHERE id = ${this.#key()}`
    if (kind < 78) return `UPDATE ${table} SET id = ${this.#key()} WHERE id = ${this.#key()}`
    if (kind < 82) return `UPDATE shifting SET id = id + 1 WHERE id >= ${this.#key()}`
    return `DELETE FROM ${table} WHERE id ${dice.roll(6) === 0 ? '>' : '='} ${this.#key()}`
  }

  #insert(table: string): string {
    const big = this.#dice.roll(4) === 0 ? `repeat('${this.#value()}', 400)` : 'NULL'
    const insert = `INSERT INTO ${table} (id, v, big) VALUES (${this.#key()}, '${this.#value()}', ${big})`
    // A deferrable key can decide no conflict.
    return table === 'shifting' ? insert : `${insert} ON CONFLICT DO NOTHING`
  }

  #alter(table: string): string {
    const old = `x${this.#dice.roll(this.#columns + 1)}`
    const name = `x${++this.#columns}`
    return this.#dice.pick([
      `ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS ${name} int DEFAULT 7`,
      `ALTER TABLE ${table} DROP COLUMN IF EXISTS ${old}`,
      `ALTER TABLE ${table} RENAME COLUMN ${old} TO ${name}`,
    ])
  }

  #key(): number {
    return this.#dice.roll(KEYS)
  }

  /** Never the same, so that no two rows look alike. */
  #value(): string {
    return `v${++this.#values}.`
  }
}
