// What micro_gpt.ts and README.md say is read from their text and held against the program.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  builtInNames,
  createModel,
  dot,
  lossOf,
  parameters,
  parseCommandLine,
  rmsnorm,
  softmax,
  splitDocuments,
  Tokenizer,
  value,
  vector,
} from '../micro_gpt.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const source = read('../micro_gpt.ts');
const readme = read('../README.md');
const names = new URL('../../shared/golden/names/expected.txt', import.meta.url);
const help = parseCommandLine(['--help']).help ?? '';
const { config } = parseCommandLine([]);

/** The numbers that a comment states, found by a pattern with a group for each. Fails if the text has changed. */
function stated(pattern: RegExp, text = source): number[] {
  const match = pattern.exec(text.replace(/\n *(\*|\/\/) /g, ' '));
  assert.ok(match, `the text no longer says ${pattern}`);
  return match.slice(1).map(Number);
}
const rounded = (x: number, like: number): number =>
  Number(x.toFixed(String(like).split('.')[1]?.length ?? 0));
function assertStated(actual: number[], claimed: number[]): void {
  assert.deepEqual(
    actual.map((x, i) => rounded(x, claimed[i])),
    claimed,
  );
}
const numbers = (xs: readonly { data: number }[]): number[] => xs.map((x) => x.data);
const vectorOf = (xs: number[]) => vector(xs.length, (i) => value(xs[i]));

test('the tokens that the comment gives for "emma" are the tokenizer\'s', () => {
  const [a, z, bos, ...tokens] = stated(
    /a = (\d+) \.\.\. z = (\d+)\), and BOS \(beginning of sequence, (\d+)\), .* "emma" -> \[(\d+), (\d+), (\d+), (\d+), (\d+), (\d+)\]/,
  );
  const tokenizer = new Tokenizer('abcdefghijklmnopqrstuvwxyz');
  assert.deepEqual(tokenizer.encode('emma'), tokens);
  assert.deepEqual(tokenizer.encode('az'), [bos, a, z, bos]);
});

test('the gradients of c = a * b + a are what the comment works out', () => {
  const claim =
    /Take c = a \* b \+ a at a = (\d+), b = (\d+), so c = (\d+): .* so a\.grad is (\d+); b\.grad is a = (\d+)/;
  const [atA, atB, ...claimed] = stated(claim);
  const [a, b] = [value(atA), value(atB)];
  const c = a.mul(b).add(a);
  c.backward();
  assertStated([c.data, a.grad, b.grad], claimed);
});

test("the probabilities in the comment on softmax are softmax's", () => {
  const [x, y, ...claimed] = stated(
    /\[(\d+), ([\d.]+)\] -> \[([\d.]+), ([\d.]+)\], as e \*\* 0 = 1 and e \*\* 1\.0986 = 3/,
  );
  assertStated(numbers(softmax([value(x), value(y)])), claimed);
  assert.equal(Math.exp(y).toFixed(3), '3.000');
  assert.equal(Math.exp(1000), Infinity);
});

test('the vector in the comment on rmsnorm comes out as it says', () => {
  const [x, y, ...claimed] = stated(/\[(\d+), (\d+)\] -> \[([\d.]+), ([\d.]+)\]\. The 1e-5/);
  assertStated(numbers(rmsnorm(vectorOf([x, y]))), claimed);
});

test('the temperature in the comment on sampling does what it says', () => {
  const [t, p, q, x, y] = stated(/: ([\d.]+) makes \[([\d.]+), ([\d.]+)\] of \[([\d.]+), ([\d.]+)\]/);
  assertStated(numbers(softmax([x, y].map((likely) => value(Math.log(likely)).div(t)))), [p, q]);
});

test('the sum in the comment on parameters is their number, in README and in the model too', () => {
  const [total] = stated(/\* 16 \* 16 = (\d+) parameters/);
  const [, sum] = /In one list: by default (.*?) = \d+ parameters/.exec(source) ?? [];
  const terms = (sum ?? '').replace(/\(4 \+ 4 \+ 4\)/, '12').split(' + ');
  assert.equal(
    terms.reduce((s, term) => s + term.split(' * ').reduce((p, x) => p * Number(x), 1), 0),
    total,
  );
  assert.equal(parameters(createModel(config, 27, () => 0)).length, total);
  assert.deepEqual([...new Set(readme.match(/\b\d+(?= parameters)/g))], [String(total)]);
});

test('the numbers in the exercises are right', () => {
  const [two, tied] = stated(/`num params: (\d+)`.*`num params: (\d+)`/s, readme);
  assert.equal(parameters(createModel({ ...config, nLayer: 2 }, 27, () => 0)).length, two);
  const model = createModel(config, 27, () => 0);
  assert.equal(parameters(model).length - model.lmHead.flat().length, tied);
  const [factor, slope] = stated(/e \*\* \(-([\d.]+) \* x\).*Its gradient at 0 is (\d\.\d+)/, readme);
  const x = value(0);
  x.div(x.mul(-factor).exp().add(1)).backward();
  assert.equal(x.grad, slope);
});

test('guessing evenly among 27 costs what the comment and README say', () => {
  for (const [count, cost] of [
    stated(/guessing evenly among (\d+) tokens costs log 27 = ([\d.]+)/),
    stated(/near ln (\d+) = ([\d.]+)/, readme),
  ]) {
    const loss = lossOf(
      createModel(config, count, () => 0),
      [26, 4, 12, 12, 0, 26],
    );
    assertStated([loss.data], [cost]);
  }
});

test('a dot of n Values takes one slot where 2n - 1 operations would take as many', () => {
  assert.ok(source.includes('it takes one slot, not 2n - 1'));
  const [a, b] = [vectorOf([1, 2, 3]), vectorOf([4, 5, 6])];
  const before = value(0).slot;
  assert.equal(dot(a, b).slot, before + 1);
});

test('the names built in have every letter, so that the numbers in the text hold without a network too', () => {
  assert.equal(new Tokenizer(splitDocuments(builtInNames).join('')).vocabSize, 27);
});

test('the list of options in README is what --help prints', () => {
  assert.ok(readme.includes(`\`\`\`text\n${help.slice(help.indexOf('\n') + 1)}\n\`\`\``));
});

test(
  "the output in README is the program's",
  { skip: !existsSync(names) && 'no ../shared/golden here' },
  () => {
    const expected = read('../../shared/golden/names/expected.txt');
    const block = /it prints\n\n```text\n([^]*?)```/.exec(readme)?.[1] ?? assert.fail('no output in README');
    for (const part of block.split('...\n')) assert.ok(expected.includes(part), part);
    const losses = Array.from(expected.matchAll(/loss ([\d.]+)/g), ([, loss]) => Number(loss)).slice(-100);
    assertStated(
      [losses.reduce((s, x) => s + x) / 100],
      stated(/hundred steps its mean is (\d\.\d+)/, readme),
    );
  },
);

test(
  'what README shows of --explain and --eval is what they print',
  { skip: !existsSync(names) && 'no ../shared/golden here' },
  () => {
    const data = fileURLToPath(new URL('../../shared/golden/names/input.txt', import.meta.url));
    const program = fileURLToPath(new URL('../micro_gpt.ts', import.meta.url));
    const args = ['--import', 'tsx', program, '--data', data, '--eval', '500', '--explain', 'emma'];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    for (const title of ['--- how the model reads', '--- evaluation']) {
      const block = readme.slice(readme.indexOf(title), readme.indexOf('\n```', readme.indexOf(title)));
      assert.ok(block.length > title.length && stdout.includes(block), block);
    }
  },
);

test('the sections are those that the header and README list, in this order', () => {
  const titles = Array.from(
    source.matchAll(/^\/\/ ---- (\w)\. (.*?) -+$/gm),
    ([, number, title]) => `${number} ${title}`,
  );
  const header = source.slice(0, source.indexOf('*/')).replace(/\s+/g, ' ');
  let at = 0;
  for (const title of titles) {
    assert.ok(header.indexOf(title, at) > at, title);
    at = header.indexOf(title, at);
  }
  for (const title of titles.slice(0, 7)) assert.ok(readme.includes(`| ${title} |`), title);
});

test('the GPT is the first half of the file, which is as long as README says', () => {
  const lines = source.split('\n').length - 1;
  assert.deepEqual(stated(/the first half of the (\d+) lines/, readme.replaceAll('\n', ' ')), [lines]);
  const gpt = source.slice(0, source.indexOf('// ---- A.')).split('\n').length - 1;
  assert.equal(Math.round((10 * gpt) / lines), 5);
});

test("micro_gpt.ts imports nothing but Node's own modules, and no line is over 110 columns", () => {
  const modules = Array.from(source.matchAll(/^import .* from '(.*)';$/gm), ([, name]) => name);
  assert.deepEqual(
    modules.filter((name) => !name.startsWith('node:')),
    [],
  );
  assert.deepEqual(
    source.split('\n').filter((line) => line.length > 110),
    [],
  );
});
