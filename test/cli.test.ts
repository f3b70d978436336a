// The command line, and what its words do to a run of the whole program.

import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { mock, test, type TestContext } from 'node:test';
import { InputError, main, parseCommandLine, usage, type Config } from '../micro_gpt.ts';
import { defaults, namesFile, path, smallTape, temporaryFolder, tiny } from './helpers.ts';

const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, '-$&').toLowerCase()}`;

/** It refuses these words, with a message that has all of `parts` in it. */
function assertRefused(args: string[], ...parts: string[]): void {
  assert.throws(() => parseCommandLine(args), ({ message }) => {
    for (const part of parts) assert.ok(message.includes(part), `"${part}" should be in "${message}"`);
    return true;
  }, `[${args}] should be refused`);
}

// ---- The words

test('Without arguments, everything has the default of the original', () => {
  const { config, ...others } = parseCommandLine([]);
  assert.deepEqual(config, {
    nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16, numSteps: 1000, learningRate: 0.01, temperature: 0.5,
    numSamples: 20, eval: 0, seed: 42,
  });
  assert.deepEqual(others, { help: undefined, source: undefined, prompt: '', explain: undefined });
});

test('Each number is taken from its least on, and refused below that, or if it is no such number', () => {
  assert.equal(parseCommandLine(['--temperature=0']).config.temperature, 1e-6); // it must be divided by
  const safest = `${2 ** 53 - 1}`, unsafe = `${2 ** 53}`;
  const cases: [name: keyof Config, good: string[], bad: string[]][] = [
    ['nEmbd', ['1', '7', '1e2', '1000'], ['0', '-4', '16.5', 'sixteen', '1px', '1,000', '1_000', '1 000']],
    ['nHead', ['1'], ['0', '-1', '1.5']], ['nLayer', ['1', '100'], ['0', '-1', '1.5']],
    ['blockSize', ['1', '1024'], ['0', '-1', '1.5']], ['numSteps', ['0', safest], ['-1', '1.5', unsafe]],
    ['learningRate', ['0', '0.5', '1e-3', '1e300'], ['-0.1', 'Infinity']],
    ['temperature', ['0.000001', '1', '1e9'], ['-1', 'Infinity']],
    ['numSamples', ['0', safest], ['-1', '1.5', unsafe]], ['eval', ['0', safest], ['-1', '0.5', unsafe]],
    ['seed', ['0', ' 7 ', '4294967296', safest], ['-1', '0.5', unsafe]],
  ];
  const parse = (...args: string[]) => parseCommandLine(['--n-head=1', ...args]).config;
  for (const [name, good, bad] of cases) {
    for (const n of good) {
      assert.deepEqual(parse(`${flagOf(name)}=${n}`), { ...parse(), [name]: Number(n) }, `${name} ${n}`);
    }
    for (const n of [...bad, 'NaN', '', ' ']) assertRefused([`${flagOf(name)}=${n}`], flagOf(name), `"${n}"`);
  }
  for (const name of ['nEmbd', 'nHead', 'nLayer', 'blockSize']) { // no tape has room for as many
    assertRefused([`${flagOf(name)}=${safest}`], flagOf(name), safest);
  }
});

test('The heads must share the width evenly, and the message gives each option its number', () => {
  for (const [nEmbd, nHead] of [[16, 16], [6, 3], [5, 1]]) {
    assert.equal(parseCommandLine([`--n-embd=${nEmbd}`, `--n-head=${nHead}`]).config.nHead, nHead);
  }
  for (const nHead of ['3', '32']) assertRefused(['--n-head', nHead], '--n-embd 16', `--n-head ${nHead}`);
});

test('A word that is no option, or an option without its value, is refused and named', () => {
  const cases: [named: string, ...args: string[]][] = [
    ['--nEmbd', '--nEmbd', '16'], ['--constructor', '--constructor=1'], ['--toString', '--help', '--toString'],
    ['--no-help', '--no-help'], ['-s', '-s', '1'], ['-5', '--seed=1', '-5'], ['--help', '--help=1'],
    ['names.txt', 'names.txt'], ['names.txt', '--', 'names.txt'], ['--data', '--data'], ['--seed', '--seed', '-1'],
  ];
  for (const [named, ...args] of cases) assertRefused(args, named);
});

test('A text is taken as it is, with its spaces and dashes, and all three go together', () => {
  for (const text of ['mary ', ' ', '--a', '-h', '-', 'a=b', '']) {
    const typed = parseCommandLine([`--prompt=${text}`, `--explain=${text}`, `--data=${text}`]);
    assert.deepEqual([typed.prompt, typed.explain, typed.source], [text, text, text]);
  }
});

test('-h is --help, which tells each option with its default, and only options that there are', () => {
  for (const args of [['-h'], ['--seed', '7', '--help']]) assert.equal(parseCommandLine(args).help, true, `${args}`);
  const told = Array.from(usage().matchAll(/^ {2}(--\S+) (\S+) +\S/gm), ([, flag, value]) => [flag, value]);
  const numbers = Object.entries(defaults).map(([name, n]) => [flagOf(name), `${n}`]);
  assert.deepEqual(told, [...numbers, ['--data', 'FILE_OR_URL'], ['--prompt', 'TEXT'], ['--explain', 'WORD']]);
  for (const option of told) parseCommandLine(option); // or it would throw
});

// ---- Whole runs

process.env.TERM = 'dumb'; // each step has a line of its own, even if somebody starts this file on a terminal
const runs = new AsyncLocalStorage<{ stdout: string; stderr: string }>();
for (const name of ['stdout', 'stderr'] as const) {
  const write = process[name].write.bind(process[name]);
  mock.method(process[name], 'write', (...args: Parameters<typeof write>) => {
    const told = runs.getStore();
    if (!told) return write(...args); // it is not from main(), but from the test runner
    told[name] += args[0];
    return true;
  });
}
/** Calls main(), and returns what it prints and notes, and the Error with which it ends, if any. */
async function mainWith(args: string[], program = main) {
  const told = { stdout: '', stderr: '' };
  const error = await runs.run(told, () => program(args)).then(() => undefined, (error: Error) => error);
  return { ...told, error };
}
/** What it prints in a run that should end well. */
async function printed(args: string[]): Promise<string> {
  const { stdout, error } = await mainWith(args);
  assert.equal(error, undefined, `[${args}] should be no mistake`);
  return stdout;
}
const lossesOf = (stdout: string) => Array.from(stdout.matchAll(/^step .* loss (.+)$/gm), ([, loss]) => loss);
const samplesOf = (stdout: string) => Array.from(stdout.matchAll(/^sample +\d+: (.*)$/gm), ([, text]) => text);
const dataOf = async (t: TestContext, ...documents: string[]): Promise<string> =>
  join(await temporaryFolder(t, { 'data.txt': documents.join('\n') }), 'data.txt');

const few = ['--num-steps=2', '--num-samples=2'];
const small = ['--data', tiny, '--n-embd=2', '--n-head=1', '--block-size=4', '--learning-rate=0', '--num-samples=0'];

for (const [name, file, args, noted] of [
  ['names', namesFile, [], []],
  ['tiny', tiny, '--n-embd=8 --n-head=2 --n-layer=2 --block-size=8 --num-steps=200'.split(' '), ['1', '38', '8']],
  ['unicode', path('unicode/input.txt'), ['--num-steps=60', '--num-samples=10'], []],
] as const) {
  const skip = !existsSync(file) && 'names.txt is not here: save it as input.txt in the project';
  test(`With the data of ${name}, every byte is what the original prints`, { skip }, async () => {
    const { stdout, stderr, error } = await mainWith(['--data', file, ...args]);
    assert.equal(error, undefined);
    assert.equal(stdout, readFileSync(path(`${name}/expected.txt`), 'utf8'));
    assert.deepEqual(stderr.match(/\d+/g) ?? [], noted, stderr); // how many documents of how many are cut to what
  });
}

test('The largest seed gives the loss that Python makes of it, and without samples nothing follows', async () => {
  const stdout = await printed(['--data', tiny, `--seed=${2 ** 53 - 1}`, '--num-steps=1', '--num-samples=0']);
  assert.match(stdout, /^num docs: 38\nvocab size: 24\nnum params: 4096\nstep +1 \/ +1 \| loss 3.2856\n\n---.*---\n$/);
});

test('The smallest model is trained and sampled', async () => {
  const stdout = await printed(['--data', tiny, ...few, '--n-embd=1', '--n-head=1', '--block-size=1']);
  const fits = samplesOf(stdout).map((text) => text.length <= 1);
  assert.deepEqual([lossesOf(stdout).length, fits], [2, [true, true]], stdout);
});

test('A prompt begins every sample, with its blanks, and may fill the block but for one place', async () => {
  const stdout = await printed(['--data', path('unicode/input.txt'), ...few, '--prompt=mary ', '--block-size=6']);
  assert.deepEqual(samplesOf(stdout).map((text) => text.slice(0, 5)), ['mary ', 'mary ']);
});

test('An explanation comes after the evaluation, in place of samples, and may fill the block', async () => {
  for (const word of ['', 'adam']) {
    const stdout = await printed([...small, ...few, '--eval=8', '--prompt=a', `--explain=${word}`]);
    assert.match(stdout, new RegExp(`\n---.*8.*---\n[^]*\n---.*"${word}".*---\n`));
    assert.deepEqual(samplesOf(stdout), [], `samples besides "${word}"`);
  }
});

test('With --eval, all documents are counted, and only the others are trained on, over and over', async () => {
  const stdout = await printed([...small, '--num-steps=38', '--eval=8']);
  assert.match(stdout, /^num docs: 38\n/);
  const losses = lossesOf(stdout); // at a learning rate of 0, they tell the documents
  assert.deepEqual(losses.slice(30), losses.slice(0, 8), 'the 31st step should have the first document again');
});

test('Documents that are equal up to the block are one document for --eval', async (t) => {
  const data = await dataOf(t, 'abc', 'abd', 'abe');
  const { stdout, error } = await mainWith(['--data', data, '--block-size=2', '--eval=1']);
  assert.match(stdout, /^num docs: 3\n/);
  assert.ok(error instanceof InputError, `${error} should say that none is left`);
  assert.deepEqual(error.message.match(/--eval|\d+/g), ['--eval', '1', '1']);
});

test('A character that only a document kept aside has, or only one beyond the block, is known', async (t) => {
  const data = await dataOf(t, 'ab', 'ba', 'xyz');
  const stdout = await printed(['--data', data, ...few, '--eval=1', '--block-size=2']);
  assert.match(stdout, /^vocab size: 6\n/m);
});

// ---- Whole runs that can't go well

for (const [what, named, args, steps = 0] of [
  ['a bad number, even if the data are missing', '--seed', '--data=missing.txt --seed=-1'],
  ['a bad number of heads, even if the data are missing', '--n-head 3', '--data=missing.txt --n-head=3'],
  ['missing data', 'missing.txt', '--data=missing.txt'],
  ['nothing left to train on, even if the prompt is bad', '--eval 38', '--eval=38 --prompt=7'],
  ['an unknown character of the prompt', '"7"', '--prompt=a7'],
  ['an unknown character of the word to explain', '"\u{1F600}"', '--explain=a\u{1F600}'],
  ['a prompt that fills the block', '--block-size', '--prompt=adam'],
  ['a word that does not fit in the block', '--block-size', '--explain=alans'],
  ['what is unknown in a text that is also too long', '"7"', '--prompt=adamadam7'],
  ['a bad prompt, even if the word to explain is bad, too', '"adam"', '--prompt=adam --explain=7'],
  ['a bad word to explain, even if the prompt is good', '"7"', '--prompt=ada --explain=7'],
  ['a loss that is infinite', '--learning-rate', '--learning-rate=1000 --n-embd=16 --block-size=16', 1],
  ['a model that the last step has spoilt', '--learning-rate', '--learning-rate=1e300 --num-steps=1', 1],
  ['a model that is good for one more loss only', '--learning-rate', '--learning-rate=1e60 --num-steps=1', 1],
] as const) {
  test(`main() refuses ${what}, after ${steps || 'no'} steps, and prints nothing of the model`, async () => {
    const { stdout, error } = await mainWith([...small, ...args.split(' ')]);
    assert.ok(error instanceof InputError, `${error} should be an InputError`);
    assert.ok(error.message.includes(named), `"${named}" should be in "${error.message}"`);
    assert.equal(lossesOf(stdout).length, steps, stdout);
    assert.doesNotMatch(stdout, /---/);
  });
}

test('A model has room for all, down to the last sample, or is refused before the first step', async (t) => {
  const { main } = await smallTape(200);
  const letters = Array.from({ length: 1000 }, (_, i) => String.fromCodePoint(0x4e00 + i));
  const options = '--n-embd=1 --n-head=1 --num-steps=1 --num-samples=1'.split(' ');
  const args = ['--data', await dataOf(t, ...letters), ...options];
  const found: number[][] = []; // how many steps and samples there were, for each block
  for (let block = 2; found.filter(([steps]) => steps === 0).length < 2; block++) {
    const prompt = letters.slice(0, block - 1).join(''); // it makes the sample as long as can be
    const { stdout, error } = await mainWith([...args, `--block-size=${block}`, `--prompt=${prompt}`], main);
    assert.ok(!error || error instanceof RangeError, `${error} should be a RangeError, with a block of ${block}`);
    found.push([lossesOf(stdout).length, samplesOf(stdout).length]);
    assert.deepEqual(found.at(-1), error ? [0, 0] : [1, 1], `a block of ${block}`);
  }
  assert.deepEqual(found[0], [1, 1], 'the smallest block should fit');
});
