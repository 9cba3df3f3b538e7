import type { Finding } from '../../core/types.ts'
import type { Queries } from './connection.ts'
import type { Capture } from './settings.ts'
export async function check(_queries: Queries, _capture: Capture): Promise<Finding[]> {
  return []
}
