// The command line: its words as parseCommandLine() takes them, what usage() tells of them, and what they do
// to a run of the whole program.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { main, parseCommandLine, usage } from '../micro_gpt.ts';
import type { Config } from '../micro_gpt.ts';
import { namesFile, path, run, smallTapeSource, temporaryFolder, tiny } from './helpers.ts';

const flagOf = (name: string): string => `--${name.replace(/[A-Z]/g, '-$&').toLowerCase()}`;

/** It refuses these words with exit code 2, in one line that has all of `told` in it. */
function assertRefused(args: string[], ...told: string[]): void {
  assert.throws(() => parseCommandLine(args), ({ exitCode, message }) => {
    assert.equal(exitCode, 2);
    for (const part of told) assert.ok(message.includes(part), `"${part}" is not in "${message}"`);
    return !message.includes('\n');
  }, `${args} is taken`);
}

// ---- The words

test('Without arguments, everything has the default of the original', () => {
  const { config, ...others } = parseCommandLine([]);
  assert.deepEqual(config, {
    nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16, numSteps: 1000, learningRate: 0.01, temperature: 0.5,
    numSamples: 20, eval: 0, seed: 42,
  });
  assert.deepEqual(Object.entries(others).filter(([, value]) => value), []); // no help, no prompt, and so on
});

test('Each number is taken from its least to its most, and refused outside, or if it is no number', () => {
  const cases: [name: keyof Config, good: string[], bad: string[]][] = [
    ['nEmbd', ['1', '1e2', '7', '256'], ['0', '-4', '257', '16.5', 'sixteen', '16px', '1,000']],
    ['nLayer', ['1', '100'], ['0', '-1', '101', '1.5']],
    ['blockSize', ['1', '1024'], ['0', '-1', '1025', '1.5']],
    ['numSteps', ['0', '1000000000'], ['-1', '1000000001', '1.5']],
    ['learningRate', ['0', '0.5', '1e-3', '1000'], ['-0.1', '1000.1']],
    ['temperature', ['0.000001', '1', '1000000'], ['-1', '1000001']],
    ['numSamples', ['0', '1000000000'], ['-1', '1000000001', '1.5']],
    ['eval', ['0', '1000000000'], ['-1', '1000000001', '0.5']],
    ['seed', ['0', '4294967296', '9007199254740991'], ['-1', '0.5', '9007199254740992']],
  ];
  const parse = (...args: string[]) => parseCommandLine(['--n-head', '1', ...args]).config;
  for (const [name, good, bad] of cases) {
    for (const n of good) {
      assert.deepEqual(parse(flagOf(name), n), { ...parse(), [name]: Number(n) }, `${name} ${n}`);
    }
    for (const n of [...bad, 'NaN', 'Infinity', '', ' ']) {
      const most = `${Number(good.at(-1))}`;
      const range = `from ${name === 'temperature' ? 0 : Number(good[0])} to ${most}`;
      assertRefused(['--n-head', '1', `${flagOf(name)}=${n}`], `${flagOf(name)} `, range, `"${n}"`);
    }
  }
});

test('The heads must share the width evenly', () => {
  for (const [nEmbd, nHead] of [['16', '16'], ['256', '256'], ['6', '3'], ['5', '1']]) {
    assert.equal(parseCommandLine(['--n-embd', nEmbd, '--n-head', nHead]).config.nHead, Number(nHead));
  }
  for (const nHead of ['3', '32']) assertRefused(['--n-head', nHead], '--n-embd 16', `--n-head ${nHead}`);
  for (const nHead of ['0', '257', '1.5']) assertRefused(['--n-head', nHead], '--n-head ', `"${nHead}"`);
});

test('A temperature of 0, or nearly 0, is so low that the likeliest is taken', () => {
  for (const tiny of ['0', '1e-310']) {
    assert.equal(parseCommandLine(['--temperature', tiny]).config.temperature, 1e-6);
  }
});

test('A number may have blanks around it and be negative, but no "_" in it', () => {
  assert.equal(parseCommandLine(['--seed', ' 7 ']).config.seed, 7);
  for (const bad of ['1_000', '1 000']) assertRefused(['--seed', bad], '--seed ', `"${bad}"`);
  for (const flag of ['--seed', '--temperature', '--learning-rate', '--n-embd']) {
    for (const bad of ['-1', '-.5', '-1e3']) assertRefused([flag, bad], `${flag} takes`, `"${bad}"`);
    assertRefused([`${flag}=1`, '-5'], '-5', '--help');
  }
});

test('A word that is no option, or an option without its value, is refused and named', () => {
  const cases: [named: string, ...args: string[]][] = [
    ['--nEmbd', '--nEmbd', '16'], ['--seeds', '--seeds', '1'], ['--constructor', '--constructor=1'],
    ['--no-help', '--no-help'], ['-s', '-s', '1'], ['--toString', '--help', '--toString'],
    ['--help', '--help=1'], ['names.txt', 'names.txt'], ['names.txt', '--', 'names.txt'],
    ['--data', '--data'], ['--seed', '--n-layer', '2', '--seed'],
    ['--seed', '--seed', '--n-embd', '16'], ['--prompt', '--prompt', '--a'], ['--prompt=-', '--prompt', '-a'],
  ];
  for (const [named, ...args] of cases) assertRefused(args, named, '--help');
});

test('An option can be written with "=", and the last of its kind counts', () => {
  const { config, source } = parseCommandLine(['--seed=1', '--data=a.txt', '--data', 'b.txt', '--seed', '2']);
  assert.deepEqual([config.seed, source], [2, 'b.txt']);
});

test('A text is taken as it is, with its spaces and dashes', () => {
  for (const text of ['mary ', ' ', '--a', '-h', 'a=b', '']) {
    assert.equal(parseCommandLine([`--prompt=${text}`]).prompt, text);
    assert.equal(parseCommandLine([`--explain=${text}`]).explain, text);
    assert.equal(parseCommandLine([`--data=${text}`]).source, text);
  }
});

test('A prompt goes with no explanation, not even of an empty word', () => {
  for (const word of ['b', '']) assertRefused(['--prompt', 'a', '--explain', word], '--explain', '--prompt');
  assert.equal(parseCommandLine(['--prompt', '', '--explain', 'b']).explain, 'b');
});

test('The help tells every number with its default, and only options that there are', () => {
  const told = Array.from(usage().matchAll(/^ {2}(--\S+) (\S+) +\S/gm), ([, flag, value]) => [flag, value]);
  const numbers = Object.entries(parseCommandLine([]).config);
  assert.deepEqual(told, [
    ...numbers.map(([name, standard]) => [flagOf(name), `${standard}`]),
    ['--data', 'FILE_OR_URL'], ['--prompt', 'TEXT'], ['--explain', 'WORD'],
  ]);
  for (const option of told) parseCommandLine(option);
});

test('Another default, and another hyperparameter, need no change elsewhere', async (t) => {
  const program = readFileSync(path('../micro_gpt.ts'), 'utf8');
  const changed = program.replace('temperature: [0.5,', "warmup: [100, 'steps'],\n  temperature: [1,");
  const folder = await temporaryFolder(t, { 'copy.ts': changed });
  const copy = await import(`${pathToFileURL(`${folder}/copy.ts`)}`) as typeof import('../micro_gpt.ts');
  const { config } = copy.parseCommandLine(['--warmup', '7', '--temperature', '0.5']);
  assert.deepEqual({ ...config }, { ...parseCommandLine([]).config, warmup: 7 });
});

test('-h is --help', () => {
  for (const args of [['-h'], ['--help'], ['--seed', '7', '--help']]) assert.ok(parseCommandLine(args).help);
});

test('A bad argument is refused before anything is read', async () => {
  await assert.rejects(main(['--data', 'missing.txt', '--seed=-1']), { exitCode: 2, message: /^--seed\b/ });
});

// ---- Whole runs, offline

type Outcome = { output: string; writes: number; error?: { exitCode?: number; message: string } };
// Runs several command lines in one process, by a clock that is a millisecond later each time it is asked.
const runner = `
  import { main } from ${JSON.stringify(pathToFileURL(path('../micro_gpt.ts')))};
  let clock = 0;
  performance.now = () => clock++;
  const write = process.stdout.write, outcomes = {};
  for (const [name, args] of Object.entries(JSON.parse(process.argv[2]))) {
    const texts = [];
    process.stdout.write = (text) => texts.push(text) > 0;
    const error = await main(args).catch(({ exitCode, message }) => ({ exitCode, message }));
    outcomes[name] = { output: texts.join(''), writes: texts.length, error };
  }
  process.stdout.write = write;
  console.log(JSON.stringify(outcomes));`;

async function runAll<T extends string>(t: TestContext, commands: Record<T, string[]>) {
  const cwd = await temporaryFolder(t, { 'runner.mjs': runner });
  const { stdout, stderr } = await run(t, [JSON.stringify(commands)], { cwd, file: 'runner.mjs' });
  assert.match(stderr, /^(micro_gpt: \d+ of \d+ docs are longer than \d+ .*\n)*$/);
  return JSON.parse(stdout) as Record<T, Outcome>;
}
const matches = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), (match) => match[1]);
const lossesOf = (output: string): string[] => matches(output, /^step .* loss ([\d.]+)$/gm);
const samplesOf = (output: string): string[] => matches(output, /^sample +\d+: (.*)$/gm);
/** The run ended with exit code 1, this message, and no more steps than these. */
function assertError({ output, error }: Outcome, message: RegExp, steps = 0): void {
  assert.equal(error?.exitCode, 1);
  assert.match(error.message, message);
  assert.deepEqual([lossesOf(output).length, samplesOf(output).length], [steps, 0]);
}

describe('The program', { concurrency: 3 }, () => {
  test('does as its options say', async (t) => {
    const data = ['--data', tiny];
    const folder = await temporaryFolder(t, {
      'decomposed.txt': 'e\u0301va\n', 'composed.txt': '\u00e9\uac00\n', 'rare.txt': 'ab\nba\nxy\n',
    });
    const [decomposed, composed, rare] = ['decomposed', 'composed', 'rare'].map((name) => `${folder}/${name}.txt`);
    const size = [...data, '--n-head=1', '--block-size=1'];
    const small = [...data, '--n-embd=2', '--n-head=1', '--block-size=4'];
    const of = await runAll(t, {
      quiet: [...data, '--num-steps=0', '--num-samples=0'],
      many: [...small, '--num-steps=1000', '--num-samples=0'],
      smallest: [...data, '--n-embd=1', '--n-head=1', '--block-size=1', '--num-steps=3', '--num-samples=9'],
      heads: [...data, '--n-head=16', '--num-steps=3', '--num-samples=1'],
      untrained: [...data, '--num-steps=0', '--eval=8', '--num-samples=0'],
      both: [...data, '--num-steps=2', '--eval=8', '--explain=ada'],
      empty: [...data, '--num-steps=2', '--explain='],
      decomposed: ['--data', decomposed, '--num-steps=1', '--num-samples=1', '--prompt=\u00e9'],
      composed: ['--data', composed, '--num-steps=1', '--explain=\u1100\u1161e\u0301'],
      fits: [...data, '--block-size=4', '--num-steps=1', '--num-samples=1', '--prompt=ada'],
      explainFits: [...data, '--block-size=4', '--num-steps=1', '--explain=adam'],
      fills: [...data, '--block-size=4', '--prompt=adam'],
      tooLong: [...data, '--block-size=3', '--explain=adam'],
      shorter: ['--data', composed, '--block-size=2', '--num-steps=1', '--num-samples=1', '--prompt=e\u0301'],
      longPrompt: ['--data', decomposed, '--block-size=2', '--prompt=\u00e9'],
      longWord: ['--data', decomposed, '--block-size=3', '--explain=\u00e9\u00e9'],
      onlyHeldOut: ['--data', rare, '--num-steps=3', '--eval=1', '--num-samples=1'],
      wide: [...size, '--n-embd=166', '--n-layer=3'], deep: [...size, '--n-embd=96', '--n-layer=9'],
      justFits: [...size, '--n-embd=77', '--n-layer=14', '--num-steps=0', '--num-samples=0'],
      seed: [...data, '--num-steps=1', '--num-samples=0', '--seed=9007199254740991'],
      prompt: ['--data', path('unicode/input.txt'), '--num-steps=5', '--num-samples=4', '--prompt', 'mary '],
      explain: [...data, '--num-steps=2', '--explain', 'ada'],
      evaluation: [...small, '--num-steps=31', '--learning-rate=0', '--num-samples=0', '--eval=8'],
      one: [...small, '--num-steps=2', '--learning-rate=0', '--num-samples=0', '--eval=37'],
      none: [...small, '--eval=38'], fewer: [...small, '--eval=2000'],
      escape: [...data, '--prompt=gra\x1b'], seven: [...data, '--explain=gra7'],
      nowhere: ['--data='], failed: [...data, '--num-steps=40', '--learning-rate=0.5'],
      unicode: ['--data', path('unicode/input.txt'), '--num-steps=60', '--num-samples=10'],
    });
    await t.test('It prints the sizes of data and model, and headings, even if nothing else', () => {
      const head = 'num docs: 38\nvocab size: 24\nnum params: 4096\n';
      assert.equal(of.quiet.output, `${head}\n--- inference (new, hallucinated names) ---\n`);
    });
    await t.test('It prints many steps at a time, each on its line', () => {
      const lines = Array.from({ length: 1000 }, (_, i) => `${i + 1}`);
      assert.deepEqual(matches(of.many.output, /^step +(\d+) \/ 1000 \| loss \d\.\d{4}$/gm), lines);
      assert.ok(of.many.writes < 100, `${of.many.writes} writes`);
    });
    await t.test('With the largest seed, the first loss is what Python makes of it', () => {
      assert.deepEqual(lossesOf(of.seed.output), ['3.2856']);
    });
    await t.test('Every sample begins with the prompt, and its last space', () => {
      const samples = samplesOf(of.prompt.output);
      assert.deepEqual(samples.map((text) => text.startsWith('mary ')), [true, true, true, true]);
      assert.ok(samples.some((text) => text.length > 5), `${samples}`);
    });
    await t.test('An explanation comes instead of samples', () => {
      assert.match(of.explain.output, /"ada"/);
      assert.doesNotMatch(of.explain.output, /inference|sample/);
    });
    await t.test('A block of one, one head, and as many heads as numbers are trained and sampled', () => {
      assert.equal(lossesOf(of.smallest.output).length, 3);
      assert.deepEqual(samplesOf(of.smallest.output).map((text) => text.length <= 1), Array(9).fill(true));
      assert.deepEqual([lossesOf(of.heads.output).length, samplesOf(of.heads.output).length], [3, 1]);
    });
    await t.test('After 0 steps, the bigram table knows no more than guessing evenly', () => {
      const [, evenly, table] = matches(of.untrained.output, /^[a-z ]+: +(\d\.\d{4})/gm);
      assert.equal(table, evenly);
    });
    await t.test('An evaluation and an explanation are both printed, also of an empty word', () => {
      assert.match(of.both.output, /\nbigram table: [^]*"ada"/);
      assert.match(of.empty.output, /"".*\n.*\b23 23\n/);
    });
    await t.test('A text is taken in the form of Unicode that the data have', () => {
      assert.ok(samplesOf(of.decomposed.output)[0].startsWith('e\u0301'), of.decomposed.output);
      assert.match(of.composed.output, /"\uac00\u00e9"/);
    });
    await t.test('A prompt leaves room for a character, and a word to explain may fill the block', () => {
      assert.ok(samplesOf(of.fits.output)[0].startsWith('ada'));
      assert.match(of.explainFits.output, /"adam"[^]*\na\t.*\nd\t.*\nm\t/); // with a row for its last letter
      assert.ok(samplesOf(of.shorter.output)[0].startsWith('\u00e9'));
    });
    await t.test('A text that is too long in the form that the data have is refused before the training', () => {
      for (const [{ output, error }, option] of [[of.longPrompt, '--prompt'], [of.longWord, '--explain'],
        [of.fills, '--prompt'], [of.tooLong, '--explain']] as const) {
        assert.match(`${error?.exitCode} ${error?.message}`, new RegExp(`^2 ${option} .*--block-size`));
        assert.deepEqual(lossesOf(output), []);
      }
    });
    await t.test('A character that only a document kept aside has is in the vocabulary', () => {
      assert.match(of.onlyHeldOut.output, /^vocab size: 5\n/m);
      assert.deepEqual([lossesOf(of.onlyHeldOut.output).length, samplesOf(of.onlyHeldOut.output).length], [3, 1]);
    });
    await t.test('Of 38 documents, 8 are held out, and the 31st step has the first of 30 again', () => {
      const losses = lossesOf(of.evaluation.output);
      assert.equal(losses[30], losses[0]);
      const told = /^this model: .*\d.*\nguessing evenly: +3\.1781, .* 24\.0 .*\nbigram table: .*\d.*$/m;
      assert.match(of.evaluation.output, told);
      assert.doesNotMatch(of.many.output, /^(this model|guessing evenly|bigram table):/m);
    });
    await t.test('All documents but one can be held out, and not all', () => {
      const [first, second, ...others] = lossesOf(of.one.output);
      assert.deepEqual([second, others], [first, []]);
      assertError(of.none, /--eval 38\b.*\b38\b/);
      assertError(of.fewer, /--eval 2000\b.*\b38\b/);
    });
    await t.test('A character that the data lack is refused before training', () => {
      assertError(of.escape, /U\+001B/);
      assertError(of.seven, /U\+0037/);
    });
    await t.test('A model of more than a million parameters is refused before the training', () => {
      for (const { output, error } of [of.wide, of.deep]) {
        assert.equal(error?.exitCode, 2);
        assert.match(error.message, /\b1000(032|150)\b.*million.*--n-embd/);
        assert.deepEqual(lossesOf(output), []);
      }
      assert.match(of.justFits.output, /^num params: 999845$/m);
    });
    await t.test('A file without a name is an error', () => assertError(of.nowhere, /""/));
    await t.test('A loss that is not finite is an error that tells the step, after those before it', () => {
      const steps = lossesOf(of.failed.output).length;
      assert.ok(steps > 1);
      assertError(of.failed, new RegExp(`\\b${steps + 1}\\b.*--learning-rate\\b`), steps);
    });
    await t.test('It prints what the original prints for several scripts, emoji and an apostrophe', () => {
      assert.equal(of.unicode.output, readFileSync(path('unicode/expected.txt'), 'utf8'));
    });
  });

  test('refuses before the first step a block that is too large for the longest document', async (t) => {
    const cwd = await temporaryFolder(t, {
      'copy.ts': smallTapeSource(), // a tape that is full sooner
      'input.txt': `${'ab\n'.repeat(20)}${'ab'.repeat(600)}`,
    });
    const { stdout, stderr, code } = await run(t, ['--block-size=1024'], { cwd, file: 'copy.ts' });
    assert.match(stderr, /\nmicro_gpt: .*--n-embd.*--n-layer.*--block-size.*\n$/);
    assert.match(stdout, /^num docs: 21\n/);
    assert.deepEqual([lossesOf(stdout), code], [[], 1]);
  });

  test('says nothing of a model that its very last step has spoilt, but what to lower', async (t) => {
    const program = readFileSync(path('../micro_gpt.ts'), 'utf8');
    const cwd = await temporaryFolder(t, {
      'copy.ts': program.replace('p.grad = 0;', 'p.grad = 0; if (step === 3) p.data = i === 7 ? NaN : p.data;'),
    });
    const runs = ['--num-samples=2', '--eval=2'].map((then) =>
      run(t, ['--data', tiny, '--num-steps=3', then], { cwd, file: 'copy.ts' }));
    for (const { stdout, stderr, code } of await Promise.all(runs)) {
      assert.match(stderr, /^micro_gpt: .*NaN.*--learning-rate\b.*\n$/);
      assert.deepEqual([lossesOf(stdout).length, code], [3, 1]);
      assert.match(stdout, /\nstep +3 \/ +3 \| loss [\d.]+\n$/); // and nothing after it
    }
  });

  test('refuses before the first step a vocabulary that leaves no room for sampling', async (t) => {
    const letters = Array.from({ length: 2000 }, (_, i) => String.fromCodePoint(0x4e00 + i));
    const cwd = await temporaryFolder(t, {
      'copy.ts': smallTapeSource(), 'input.txt': letters.join('\n'),
    });
    const runWith = (blockSize: number) => run(t, ['--n-embd=1', '--n-head=1', '--num-steps=1', '--num-samples=1',
      `--block-size=${blockSize}`, `--prompt=${letters.slice(0, blockSize - 1).join('')}`], { cwd, file: 'copy.ts' });
    const outcomes = await Promise.all([4, 5, 6, 7, 8].map(runWith));
    for (const { stdout, stderr, code } of outcomes) {
      const refused = code === 1;
      assert.equal(stderr.includes('--block-size'), refused);
      assert.deepEqual([lossesOf(stdout).length, samplesOf(stdout).length], refused ? [0, 0] : [1, 1]);
    }
    assert.equal(new Set(outcomes.map(({ code }) => code)).size, 2); // some fit, and some do not
  });

  const cases: [name: string, about: string, input: string, args: string[], notes: RegExp][] = [
    ['names', 'the original\'s own data and defaults', namesFile, [], /^$/],
    ['tiny', 'two layers, small heads, documents longer than the block', tiny,
      '--n-embd 8 --n-head 2 --n-layer 2 --block-size 8 --num-steps 200'.split(' '),
      /^micro_gpt: 1 of 38 docs .*\b8\b.*--block-size.*\n$/],
  ];
  for (const [name, about, input, args, notes] of cases) {
    const skip = !existsSync(input) && 'names.txt is not here: save it as input.txt in the project';
    test(`prints to the byte what the original prints for ${about}`, { skip }, async (t) => {
      const { stderr, ...others } = await run(t, args, { cwd: dirname(input) });
      assert.deepEqual(others, { stdout: readFileSync(path(`${name}/expected.txt`), 'utf8'), code: 0, signal: null });
      assert.match(stderr, notes);
    });
  }
});
