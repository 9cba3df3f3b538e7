import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { POSTGRES_SERVERS } from '../database.ts'
import { CASES, MADE_TYPES } from './cases.ts'
import { columnsOf, domainsOf, isTold } from './check-case.ts'
import { TypeScene } from './scene.ts'

// Each type as it is, as a domain of a domain, and arrays of each; every value compared with what the server says of it.

for (const { name, start } of POSTGRES_SERVERS) {
  describe(`values of ${name}`, () => {
    let scene: TypeScene
    before(async () => {
      scene = await TypeScene.open((await start()).url, {
        setup: [MADE_TYPES, CASES.map(domainsOf).join(';')],
        columns: CASES.flatMap(columnsOf),
      })
    })
    after(() => scene.close())

    for (const [index, typeCase] of CASES.entries()) {
      it(`${typeCase.sql} is told as the server has it`, () => isTold(scene, typeCase, index))
    }

    it('null is null in every column', async () => {
      const [row] = await scene.commit(1, 'INSERT INTO public.t (id) VALUES (-1)')
      for (const message of [row?.avro, row?.json]) {
        const { id, ...others } = message?.event?.after ?? {}
        assert.equal(id, -1)
        assert.ok(Object.values(others).every(value => value === null))
        assert.deepEqual(message?.unavailable, [])
      }
    })
  })
}
