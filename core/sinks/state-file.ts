import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { TributaryError } from '../errors.ts'
import type { Checkpoint } from '../types.ts'

const FORMAT = 1

/** The checkpoint in the file; empty when there is none. Throws STATE_UNUSABLE. */
export async function readStateFile(path: string): Promise<Checkpoint> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw unusable(path, 'cannot be read', error)
  }
  const state = parseState(path, text)
  if (state.format !== FORMAT) {
    throw unusable(path, `has format ${String(state.format)}, known is ${FORMAT}`)
  }
  if (!isCheckpoint(state.checkpoint)) throw unusable(path, 'holds no checkpoint')
  return state.checkpoint
}

/**
 * Puts the new state in the place of the old one, whole or not at all: a crash leaves one of the two. The file's
 * bytes are on the disk before its name is, and the name is before this resolves. Throws STATE_UNUSABLE.
 */
export async function writeStateFile(path: string, checkpoint: Checkpoint): Promise<void> {
  const next = `${path}.tmp`
  try {
    const file = await open(next, 'w', 0o600)
    try {
      await file.writeFile(`${JSON.stringify({ format: FORMAT, checkpoint })}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(next, path)
    await syncDirectory(dirname(path))
  } catch (error) {
    throw unusable(path, 'cannot be written', error)
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function parseState(path: string, text: string): Record<string, unknown> {
  try {
    const state: unknown = JSON.parse(text)
    if (typeof state === 'object' && state !== null) return state as Record<string, unknown>
  } catch (error) {
    throw unusable(path, 'is damaged: no JSON', error)
  }
  throw unusable(path, 'is damaged: no JSON object')
}

function isCheckpoint(value: unknown): value is Checkpoint {
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).every(
    entry => typeof entry?.position === 'string' && Number.isInteger(entry?.epoch),
  )
}

function unusable(path: string, what: string, cause?: unknown): TributaryError {
  const reason = cause instanceof Error ? ` (${cause.message})` : ''
  return new TributaryError('STATE_UNUSABLE', `the state file ${path} ${what}${reason}`, { cause })
}
