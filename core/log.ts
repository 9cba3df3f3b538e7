import { type Logger, pino } from 'pino'

export type { Logger }

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * JSON lines, one per state change and none per event. To standard error when standard output carries events.
 */
export function createLogger(level: LogLevel, descriptor: 1 | 2 = 1): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    pino.destination({ fd: descriptor, sync: true }),
  )
}

/** For tests, and for parts that are used as a library. */
export const silentLogger: Logger = pino({ level: 'silent' })
