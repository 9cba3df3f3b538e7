import { type BaseType, typeCodec } from '../../../../../connectors/postgres/values.ts'
import { Unfit, type Value } from '../../../../../core/types.ts'

export const type = (typeOid: number, typeModifier = -1): BaseType => ({ typeOid, typeModifier })
export const extension = (name: string, typeModifier = -1): BaseType => ({
  ...type(90_000, typeModifier),
  extension: name,
})
export const array = (element: BaseType, delimiter = ',', dimensions = 1): BaseType => ({
  ...type(90_001),
  array: { element, delimiter, dimensions },
})

export const codec = (of: BaseType) => typeCodec(of, { decimals: 'precise' })

/** The value of a text that lies between others, which must not be taken for a part of it. */
export function decode(of: BaseType, text: string | Buffer): Value | undefined {
  const bytes = Buffer.concat([Buffer.from('"9{'), Buffer.from(text), Buffer.from('}9",)]')])
  return codec(of).decodeText(bytes, 3, bytes.length - 6)
}

/** As a test expects it: a value that does not fit, by its text. */
export const unfit = (text: string): Unfit => new Unfit(text)
