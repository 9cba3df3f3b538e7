import assert from 'node:assert/strict'
import { it } from 'node:test'
import { claims, postgresSettings, resolveSettings } from '../../../../connectors/postgres/settings.ts'

const settings = (url: string, slot?: string) =>
  postgresSettings.parse({ type: 'postgres', url, ...(slot ? { slot } : {}) })

it('A connector claims its slot of the server, whatever the database, also by names that only look different', () => {
  const claimed = claims(settings('postgres://db/shop'), 'my-shop')
  assert.deepEqual(claimed, ['slot tributary_my_shop of db:5432'])
  assert.deepEqual(claims(settings('postgres://user:pw@DB:5432/other'), 'My_Shop'), claimed)
  assert.deepEqual(claims(settings('postgres://db/other', 'tributary_my_shop'), 'other'), claimed)
  assert.notDeepEqual(claims(settings('postgres://db:5433/shop'), 'my-shop'), claimed)
  assert.doesNotMatch(claims(settings('postgres://user:secret@db/shop'), 'shop').join(), /secret|user/)
})

it('The sessions of a connector bear its name, unless the URL gives them another', () => {
  const nameIn = (url: string) =>
    new URL(resolveSettings(settings(url), 'shop').url).searchParams.get('application_name')
  assert.equal(nameIn('postgres://db/shop'), 'tributary shop')
  assert.equal(nameIn('postgres://db/shop?application_name=mine'), 'mine')
})

it('A slot is claimed of the server that the parameters of the URL name', () => {
  assert.deepEqual(claims(settings('postgres:///shop?host=DB2&port=6000'), 'shop'), [
    'slot tributary_shop of db2:6000',
  ])
  assert.deepEqual(claims(settings('postgres://%2Frun%2Fpg/shop'), 'shop'), [
    'slot tributary_shop of /run/pg:5432',
  ])
})

it('A URL of several hosts is refused, and told apart from one that is none', () => {
  const told = (url: string) =>
    postgresSettings.safeParse({ type: 'postgres', url }).error?.issues.map(({ message }) => message)
  for (const url of ['postgres://a,b/d', 'postgres://a:1,b:2/d', 'postgres:///d?host=a,b']) {
    const [problem, ...more] = told(url) ?? []
    assert.match(problem ?? '', /several hosts/, url)
    assert.deepEqual(more, [])
  }
  assert.match(told('postgres://u:p@:1/d')?.join() ?? '', /is no URL/)
  assert.equal(told('postgres://u:a,b@h/d?options=-c%20search_path%3Da,b'), undefined)
})
