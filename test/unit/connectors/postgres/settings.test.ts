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
