// The package entry `tributary/schemas`: what a service needs to read change topics with its own Kafka
// client.
//
//   const decoder = createDecoder({ registry: 'http://registry:8081' })
//   const { key, event } = await decoder.decode(message)
//
// See docs/ for the event format.

export { type ErrorCode, TributaryError } from '../core/errors.ts'
export type { Decoded, Fields } from './avro-reader.ts'
export { type Coordinate, compareCoordinates, isCoordinate } from './coordinate.ts'
export {
  createDecoder,
  type DecodedEvent,
  type DecodedMessage,
  type Decoder,
  type DecoderOptions,
  type EventSource,
  type KafkaMessage,
  type MessageBlock,
  type SchemaLookup,
  type TransactionBlock,
} from './decoder.ts'
export {
  UNAVAILABLE_BEFORE_HEADER,
  UNAVAILABLE_BEFORE_TEXT_HEADER,
  UNAVAILABLE_HEADER,
  UNAVAILABLE_MARKER,
  UNAVAILABLE_TEXT_HEADER,
} from './envelope.ts'
export { type RegistryAuth, RegistryClient, type RegistryOptions } from './registry.ts'
