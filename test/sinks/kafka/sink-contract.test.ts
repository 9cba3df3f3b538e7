import { sinkContract } from '../../contract/sink.ts'
import { kafkaHarness } from './harness.ts'

sinkContract({
  name: 'Kafka, exactly once,',
  features: { atomic: true, fencing: true, headers: true },
  open: () => kafkaHarness('exactly-once'),
})

sinkContract({
  name: 'Kafka, at least once,',
  features: { atomic: false, fencing: false, headers: true },
  open: () => kafkaHarness('at-least-once'),
})
