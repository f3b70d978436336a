// The tables of README.md's "Experiments" come from experiments.ts. Here we repeat what is quick: short trainings, and
// one of 1000 steps. The changes that the tables show are compared for every row, and must still be possible.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { firstCells, results, tables } from './experiments.ts';
import { changed, namesFile, path } from './helpers.ts';

const readme = readFileSync(path('../README.md'), 'utf8');
const shown = [...readme.matchAll(/^\| (.*) \|$/gm)].map(([, row]) => row.split(' | '));
const skip = !existsSync(namesFile) && 'names.txt is not here: save it as input.txt in the project';

for (const table of tables) {
  for (const row of table.rows) {
    const first = firstCells(table, row), inReadme = shown.filter(([name]) => name === row.name);
    test(`README.md has one row for ${row.name}, with changes that micro_gpt.ts allows`, () => {
      changed(...row.changes ?? []);
      assert.deepEqual(inReadme.map((cells) => cells.slice(0, first.length)), [first]);
    });
    const [steps] = row.steps;
    if (steps > 300 && row.name !== 'the sums') continue;
    test(`README.md shows what really comes of ${row.name} after ${steps} steps`, { skip }, async () => {
      const expected = await results(table, row, `--num-steps ${steps}`);
      assert.deepEqual(inReadme[0]?.slice(first.length, first.length + expected.length), expected);
    });
  }
}
