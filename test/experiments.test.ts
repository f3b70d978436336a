// The tables that README.md shows under "Experiments" come from experiments.ts. Here we repeat what takes a second or
// so: at most 1000 steps, at the default size. We compare the beginning of each row, up to its first result.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { cellsOf, copiesTable, tables } from './experiments.ts';
import { namesFile, path } from './helpers.ts';

const readme = readFileSync(path('../README.md'), 'utf8');
const shown = [...readme.matchAll(/^\| (.*) \|$/gm)].map(([, row]) => row.split(' | '));
const skip = !existsSync(namesFile) && 'names.txt is not here: save it as input.txt in the project';

describe('README.md shows what really comes of an experiment:', { skip }, () => {
  for (const table of tables) {
    const quick = table.rows.filter(({ options, steps: [first] }) => first <= 1000 && !options?.includes('--n-'));
    for (const row of quick) {
      test(`${table.title}: ${row.name}, ${row.steps[0]} steps`, async () => {
        const cells = await cellsOf(table, { ...row, steps: row.steps.slice(0, 1) });
        const time = cells.at(-1)!.endsWith(' s') ? 1 : 0; // differs from run to run
        const expected = cells.slice(0, cells.length - time);
        const inReadme = shown.filter(([name]) => name === row.name).map((all) => all.slice(0, expected.length));
        assert.deepEqual(inReadme, [expected]);
      });
    }
  }
  test('Are the names copies?', async () => {
    for (const row of await copiesTable()) assert.ok(readme.includes(row), row);
  });
});
