/** Resolves when `holds` does; a rejection of `holds` ends the wait with it. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  const end = performance.now() + withinMs
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`after ${withinMs} ms, still not so: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}
