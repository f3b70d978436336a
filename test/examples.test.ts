// Every example in the text is run. In micro_gpt.ts and README.md: `code` = value, to the digits stated. In README.md
// also: ```console blocks, where a line after "$ " is a command, one after "> " is typed into it, and ... stands for
// lines left out.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { changed, load, namesFile, path, temporaryFolder, type Gpt } from './helpers.ts';

// In the examples, plain numbers stand in for Values.
type Nested = number | Nested[];
type Values = InstanceType<Gpt['Value']> | Values[];
const gpt = await load(changed(['const transpose =', 'export const transpose =']));
const toValues = (x: Nested): Values => (Array.isArray(x) ? x.map(toValues) : new gpt.Value(x));
const toNumbers = (x: Values): Nested => (Array.isArray(x) ? x.map(toNumbers) : x.data);
const lifted = ['dot', 'linear', 'add', 'transpose', 'softmax', 'rmsnorm'].map((name) => {
  const original = Reflect.get(gpt, name) as (...args: Values[]) => Values;
  return [name, (...args: Nested[]) => toNumbers(original(...args.map(toValues)))];
});
const scope: Record<string, unknown> = { ...gpt, ...Object.fromEntries(lifted) };
const valueOf = (code: string): Nested =>
  new Function(...Object.keys(scope), `return (${code})`)(...Object.values(scope)) as Nested;

/** The numbers with as many decimals as the text states. */
function rounded(x: Nested, stated: string): Nested {
  if (Array.isArray(x)) return x.map((y) => rounded(y, stated));
  const decimals = Array.from(stated.matchAll(/\.(\d+)/g), ([, digits]) => digits.length);
  return Number(x.toFixed(Math.max(0, ...decimals)));
}

const number = String.raw`-?[\d.]*\d|Infinity`, array = String.raw`\[(?:[^[\]]|\[[^\]]*\])*\]`; // or one of arrays
for (const [file, least] of [['micro_gpt.ts', 17], ['README.md', 2]] as const) {
  const text = readFileSync(path(`../${file}`), 'utf8').replace(/\n *(\*|\/\/) ?/g, ' ').replace(/\s+/g, ' ');
  const examples = [...text.matchAll(new RegExp(`\`([^\`]+)\` = (${number}|${array})`, 'g'))];
  test(`${file} has ${least} examples or more`, () => assert.ok(examples.length >= least, `it has ${examples.length}`));
  for (const [, code, stated] of examples) {
    test(`${file} is right that ${code} is ${stated}`, () =>
      assert.deepEqual(rounded(valueOf(code), stated), valueOf(stated)));
  }
}

test('micro_gpt.ts is right about what a guess costs, for each p of its table', () => {
  const text = readFileSync(path('../micro_gpt.ts'), 'utf8');
  const costs = [...text.matchAll(/^ \* +p = (\d+(?: \/ \d+)?) +([\d.]+)(?: |$)/gm)];
  assert.ok(costs.length >= 4, `only ${costs.length} costs were found`);
  for (const [, p, cost] of costs) {
    assert.equal(rounded(valueOf(`-Math.log(${p})`), cost), Number(cost), `the cost for p = ${p}`);
  }
});

const readme = readFileSync(path('../README.md'), 'utf8');
const blocks = [...readme.matchAll(/```console\n\$ (.*)\n([^]*?)\n```/g)];
test('README.md has 8 console blocks or more', () => assert.ok(blocks.length >= 8, `only ${blocks.length} were found`));

/** That something printed this, with anything in place of "...". */
function assertPrinted(printed: string, shown: string): void {
  const escaped = shown.split('\n').map((line) => line.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const pattern = escaped.map((line) => (line === '\\.\\.\\.' ? '[^]*?' : `${line}\n`)).join('');
  const missing = shown.split('\n').find((line) => line !== '...' && !printed.includes(line)) ?? 'all, in this order,';
  assert.match(printed, new RegExp(`^${pattern}(> )?$`), `${missing} should be in:\n${printed}`);
}

describe('In a folder with nothing but micro_gpt.ts and the names,', { concurrency: 2 }, () => {
  for (const [, command, shown] of blocks) {
    if (command === 'npx -y tsx micro_gpt.ts') { // cli.test.ts runs this and compares it with the same file
      test('README.md shows of a run what the original prints', () =>
        assertPrinted(readFileSync(path('names/expected.txt'), 'utf8'), shown));
      continue;
    }
    const needsNames = /micro_gpt\.ts(?!.*--help)/.test(command);
    const skip = needsNames && !existsSync(namesFile) && 'names.txt is not here: save it as input.txt in the project';
    test(`"${command}" prints what README.md shows`, { skip }, async (t) => {
      const cwd = await temporaryFolder(t, { 'micro_gpt.ts': changed() });
      if (existsSync(namesFile)) symlinkSync(namesFile, `${cwd}/input.txt`);
      const typed = [...shown.matchAll(/^> (.*)$/gm)].map(([, line]) => line);
      const local = command.replace(/^npx -y (.*)/, `"${path('../node_modules/.bin')}/"$1`); // without a network
      const child = spawn(typed.length > 0 ? `${local} -i` : local, { cwd, shell: true });
      t.after(() => child.kill('SIGKILL'));
      let printed = '';
      child.stderr.on('data', (chunk: Buffer) => { printed += chunk; });
      child.stdout.on('data', (chunk: Buffer) => {
        printed += chunk;
        if (!printed.endsWith('> ')) return;
        const line = typed.shift(); // a prompt: type the next line
        if (line === undefined) return void child.stdin.end();
        child.stdin.write(`${line}\n`);
        printed += `${line}\n`;
      });
      if (typed.length === 0) child.stdin.end();
      await once(child, 'close');
      assertPrinted(printed, shown);
    });
  }
});
