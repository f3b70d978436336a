// Every example in the text is run. In micro_gpt.ts and README.md: `code` = value, to the digits stated. In README.md
// also: ```console blocks, where a line after "$ " is a command, one after "> " is typed into it, and ... stands for
// lines left out.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import process from 'node:process';
import { describe, test } from 'node:test';
import * as gpt from '../micro_gpt.ts';
import { namesFile, numbersOf, path, temporaryFolder, vectorOf } from './helpers.ts';

type Numbers = number[] | number[][];
const toValues = (x: Numbers) => (x.length > 0 && Array.isArray(x[0]) ? (x as number[][]).map((row) => vectorOf(...row))
  : vectorOf(...(x as number[])));
const toNumbers = (x: gpt.Value | gpt.Vector) => (x instanceof gpt.Value ? x.data : numbersOf(x));
const { dot, linear, rmsnorm, softmax, add } = gpt;
const lifted = Object.fromEntries(Object.entries({ dot, linear, rmsnorm, softmax, add }).map(([name, f]) =>
  [name, (...args: Numbers[]) => toNumbers((f as (...args: unknown[]) => gpt.Vector)(...args.map(toValues)))]));
const scope: Record<string, unknown> = { ...gpt, ...lifted };

/** The number with as many decimals as the text states. */
const rounded = (x: unknown, stated: string): unknown =>
  (typeof x === 'number' && Number.isFinite(x) ? Number(x.toFixed(stated.split('.')[1]?.length ?? 0)) : x);

for (const [file, least] of [['micro_gpt.ts', 13], ['README.md', 1]] as const) {
  const text = readFileSync(path(`../${file}`), 'utf8').replace(/\n *(\*|\/\/) ?/g, ' ').replace(/\s+/g, ' ');
  const examples = [...text.matchAll(/`([^`]+)` = (\[[^\]]*\]|-?[\d.]*\d|Infinity)/g)];
  test(`${file} has its ${least} examples or more`, () => assert.ok(examples.length >= least, `${examples.length}`));
  for (const [, code, value] of examples) {
    test(`${file} is right that ${code} is ${value}`, () => {
      const actual: unknown = new Function(...Object.keys(scope), `return (${code})`)(...Object.values(scope));
      const stated = value.replace(/[[\]]/g, '').split(', ');
      assert.deepEqual([actual].flat().map((x, i) => rounded(x, stated[i])), stated.map(Number));
    });
  }
}

test('micro_gpt.ts is right about what a guess costs, for each p of its table', () => {
  const text = readFileSync(path('../micro_gpt.ts'), 'utf8');
  const costs = [...text.matchAll(/^ \* +p = (\d+)(?: \/ (\d+))? +([\d.]+)(?: |$)/gm)];
  assert.ok(costs.length >= 4, `${costs.length} costs`);
  for (const [, p, choices = '1', cost] of costs) {
    assert.equal(rounded(Math.log(Number(choices) / Number(p)), cost), Number(cost), `${p} / ${choices}`);
  }
});

const readme = readFileSync(path('../README.md'), 'utf8');
const blocks = [...readme.matchAll(/```console\n\$ (.*)\n([^]*?)\n```/g)];
test('README.md has its 6 console blocks or more', () => assert.ok(blocks.length >= 6, `${blocks.length}`));

/** That something printed this, with anything in place of "...". */
function assertPrinted(printed: string, shown: string): void {
  const escaped = shown.split('\n').map((line) => line.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const pattern = escaped.map((line) => (line === '\\.\\.\\.' ? '[^]*?' : `${line}\n`)).join('');
  assert.match(printed, new RegExp(`^${pattern}(> )?$`));
}

describe('In a folder with nothing but micro_gpt.ts and the names,', { concurrency: 2 }, () => {
  for (const [, command, shown] of blocks) {
    if (command === 'npx -y tsx micro_gpt.ts') { // cli.test.ts runs this and compares it with the same file
      test('README.md shows of a run what the original prints', () =>
        assertPrinted(readFileSync(path('names/expected.txt'), 'utf8'), shown));
      continue;
    }
    const needsNames = !command.includes('--data') && !shown.startsWith('...\n> ') && !command.includes('--help');
    const skip = needsNames && !existsSync(namesFile) && 'names.txt is not here: save it as input.txt in the project';
    test(`"${command}" prints what README.md shows`, { skip }, async (t) => {
      const cwd = await temporaryFolder(t);
      copyFileSync(path('../micro_gpt.ts'), `${cwd}/micro_gpt.ts`);
      if (existsSync(namesFile)) symlinkSync(namesFile, `${cwd}/input.txt`);
      const typed = [...shown.matchAll(/^> (.*)$/gm)].map(([, line]) => line);
      const local = command.replace(/^npx -y (.*)/, `"${path('../node_modules/.bin')}/"$1`); // without a network
      const env = { ...process.env, NO_COLOR: '1' };
      const child = spawn(typed.length > 0 ? `${local} -i` : local, { cwd, env, shell: true });
      let printed = '';
      child.stderr.on('data', (chunk: Buffer) => { printed += chunk; });
      child.stdout.on('data', (chunk: Buffer) => {
        printed += chunk;
        if (!printed.endsWith('> ')) return;
        const line = typed.shift(); // a prompt: type the next line
        if (line === undefined) child.stdin.end();
        else child.stdin.write(`${line}\n`);
        if (line !== undefined) printed += `${line}\n`;
      });
      if (typed.length === 0) child.stdin.end();
      await once(child, 'close');
      assertPrinted(printed, shown);
    });
  }
});
