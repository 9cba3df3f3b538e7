import { readFileSync } from 'node:fs'

/** Clock ticks in a second, on every Linux that Node runs on. */
const TICKS = 100

/** Seconds of processor time that a process has used, and its highest resident memory in bytes. */
export function processUsage(pid: number): { cpuSeconds: number; peakBytes: number; residentBytes: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kilobytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0)
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
    peakBytes: kilobytes('VmHWM') * 1024,
    residentBytes: kilobytes('VmRSS') * 1024,
  }
}
