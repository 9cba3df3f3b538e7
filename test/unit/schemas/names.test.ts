import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldNamesOf, namespaceOf, TopicNames } from '../../../schemas/names.ts'
import { column, table } from '../../support/events.ts'

test('a topic is prefix, schema and table, with _ for what Kafka forbids', () => {
  const names = new TopicNames('shop-1')
  assert.equal(names.topicOf(table('orders')), 'shop-1.public.orders')
  assert.equal(names.topicOf(table('Größe 😀/m', { schema: 'a$b' })), 'shop-1.a_b.Gr__e___m')
})

test('the shapes of one table share its topic', () => {
  const names = new TopicNames('shop')
  assert.equal(names.topicOf(table('orders')), names.topicOf(table('orders', { columns: [column('id')] })))
})

test('two tables on one topic are refused, naming both', () => {
  const names = new TopicNames('shop')
  names.topicOf(table('a b'))
  assert.throws(() => names.topicOf(table('a/b')), {
    code: 'NAME_COLLISION',
    message: /public\.a b and public\.a\/b both end on the topic shop\.public\.a_b/,
  })
  assert.throws(() => names.topicOf(table('a b', { database: 'other' })), { code: 'NAME_COLLISION' })
})

test('topics that Kafka takes for one, because . and _ are one in metrics, are refused', () => {
  const names = new TopicNames('shop')
  names.topicOf(table('b_c', { schema: 'a' }))
  assert.throws(() => names.topicOf(table('c', { schema: 'a_b' })), {
    code: 'NAME_COLLISION',
    message: /a\.b_c and a_b\.c .*shop\.a\.b_c and shop\.a_b\.c/,
  })
})

test('a topic has 249 characters at most', () => {
  const names = new TopicNames('p')
  assert.equal(names.topicOf(table('x'.repeat(240))).length, 249)
  assert.throws(() => names.topicOf(table('x'.repeat(241))), {
    code: 'KAFKA_TOPIC_UNSUITABLE',
    message: /249/,
  })
})

test('every part of a namespace is a legal Avro name', () => {
  assert.equal(namespaceOf('shop-1.public.2fast'), 'shop_1.public._2fast')
  assert.equal(namespaceOf('a..b'), 'a._.b')
})

test('field names are column names, made legal', () => {
  const columns = ['id', '2fast', 'Straße', 'a.b', '😀', '__proto__'].map(name => column(name))
  assert.deepEqual(fieldNamesOf(table('t', { columns })), ['id', '_2fast', 'Stra_e', 'a_b', '_', '__proto__'])
})

test('two columns on one field are refused, naming table and both columns', () => {
  const columns = [column('a b'), column('a_b')]
  assert.throws(() => fieldNamesOf(table('orders', { columns })), {
    code: 'NAME_COLLISION',
    message: /public\.orders.*"a b" and "a_b".*"a_b"/,
  })
})
