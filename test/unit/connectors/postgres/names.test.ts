import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  captureFingerprint,
  defaultSlotName,
  quoteName,
  quoteText,
} from '../../../../connectors/postgres/names.ts'
import { TableFilter } from '../../../../connectors/postgres/table-filter.ts'

const table = (name: string) => ({
  schema: name.split('.')[0] ?? '',
  name: name.slice(name.indexOf('.') + 1),
})
const captured = (globs: readonly string[], names: readonly string[]) =>
  names.filter(name => new TableFilter(globs).captures(table(name)))

it('Globs name tables, and those with ! leave some out, in any order', () => {
  const names = ['public.orders', 'public.orders_old', 'audit.orders', 'audit.log']
  assert.deepEqual(captured(['*.*'], names), names)
  assert.deepEqual(captured(['public.*'], names), ['public.orders', 'public.orders_old'])
  assert.deepEqual(captured(['!*_old', 'public.*'], names), ['public.orders'])
  assert.deepEqual(captured(['*.orders'], names), ['public.orders', 'audit.orders'])
  assert.deepEqual(captured(['audit.l?g'], names), ['audit.log'])
  assert.deepEqual(captured(['!audit.*'], names), ['public.orders', 'public.orders_old'])
})

it('Nothing but * and ? has a meaning in a glob', () => {
  assert.deepEqual(captured(['a.b+c(d)'], ['a.b+c(d)', 'a.bbcd']), ['a.b+c(d)'])
  assert.deepEqual(captured(['a.b'], ['a.b', 'axb', 'xa.b', 'a.bb']), ['a.b'])
  assert.deepEqual(captured(['a.?'], ['a.😀']), ['a.😀'])
})

it('A filter knows whether it is for all tables, and which globs nothing answers to', () => {
  assert.equal(new TableFilter(['*.*']).isAll, true)
  assert.equal(new TableFilter(['*.*', '!a.b']).isAll, false)
  assert.deepEqual(new TableFilter(['a.*', 'b.*', '!b.c']).unanswered([table('a.x'), table('b.c')]), ['b.*'])
})

it('Names and texts are quoted so that none can end early', () => {
  assert.equal(quoteName('a"b'), '"a""b"')
  assert.equal(quoteText("a'b"), "'a''b'")
})

it('A slot is named after its connector, with what slots may be named with', () => {
  assert.equal(defaultSlotName('shop-eu_1'), 'tributary_shop_eu_1')
  assert.equal(defaultSlotName('x'.repeat(100)).length, 63)
})

it('The fingerprint of a capture changes with tables and keys, and not with the order of keys', () => {
  const one = captureFingerprint(['a.*'], { 'a.b': ['x'], 'a.c': ['y'] })
  assert.equal(one, captureFingerprint(['a.*'], { 'a.c': ['y'], 'a.b': ['x'] }))
  assert.notEqual(one, captureFingerprint(['a.*'], { 'a.b': ['x'] }))
  assert.notEqual(one, captureFingerprint(['a.b'], { 'a.b': ['x'], 'a.c': ['y'] }))
  assert.match(one, /^[0-9a-f]{8}$/)
})
