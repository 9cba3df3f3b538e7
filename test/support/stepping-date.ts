// Loaded into a worker (`--import`) before its program: its wall clock is set to another time every second, by hours
// forwards and backwards, as a machine's may be. Time that only grows, and timers, are what they are.

const STEPS_MS = [0, 3 * 3_600_000, -5 * 3_600_000, 60_000, -60_000, 26 * 3_600_000]
const started = performance.now()
const step = () => STEPS_MS[Math.floor((performance.now() - started) / 1_000) % STEPS_MS.length] ?? 0

const trueNow = Date.now
const TrueDate = Date
Date.now = () => trueNow() + step()
globalThis.Date = new Proxy(TrueDate, {
  construct: (date, words) =>
    words.length === 0 ? new TrueDate(Date.now()) : Reflect.construct(date, words),
})
