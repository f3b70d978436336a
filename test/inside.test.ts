// What lets a learner look inside: prompts, explanations, the evaluation, and the terminal.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  createModel,
  emptyCaches,
  evaluate,
  explainWord,
  gpt,
  holdOut,
  InputError,
  parseCommandLine,
  Random,
  sample,
  softmax,
  splitDocuments,
  Tokenizer,
} from '../micro_gpt.ts';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const program = ['--import', 'tsx', path('../micro_gpt.ts')];
const tiny = ['--data', path('tiny/input.txt')];
const { config } = parseCommandLine([]);

function run(...args: string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [...program, ...args], { encoding: 'utf8' });
  return { stdout, stderr, status, lines: stdout.split('\n') };
}
function randomModel(vocabSize: number, changes: Partial<typeof config> = {}) {
  const random = new Random(1);
  return createModel({ ...config, ...changes }, vocabSize, () => random.gauss(0, 0.4));
}

test('samples begin with the prompt, and go on from it', () => {
  const tokenizer = new Tokenizer('abc');
  const model = randomModel(4, { blockSize: 6, temperature: 1 });
  const random = new Random(2);
  const samples = Array.from({ length: 200 }, () => sample(model, tokenizer, random, 'cab'));
  assert.ok(samples.every((text) => text.startsWith('cab') && text.length <= 6));
  const ends = samples.filter((text) => text === 'cab').length;
  const caches = emptyCaches(model);
  const [, , , last] = tokenizer
    .encode('cab')
    .slice(0, -1)
    .map((token, i) => gpt(model, token, i, caches));
  assert.ok(Math.abs(ends / 200 - softmax(last)[tokenizer.bos].data) < 0.1);
});

test('what follows a prompt is what the model expects after its last character', () => {
  const tokenizer = new Tokenizer('abc');
  const model = randomModel(4, { blockSize: 6, temperature: 1e-6 }); // so that the likeliest is drawn
  for (const prompt of ['a', 'b', 'c', 'ab', 'bc', 'ca', 'cab', 'bcb']) {
    const caches = emptyCaches(model);
    const tokens = tokenizer.encode(prompt).slice(0, -1);
    const [last] = tokens.map((token, i) => gpt(model, token, i, caches).map(({ data }) => data)).reverse();
    const likeliest = tokenizer.decode([last.indexOf(Math.max(...last))]);
    const drawn = sample(model, tokenizer, new Random(1), prompt);
    assert.equal(drawn.slice(0, prompt.length + 1), prompt + likeliest);
  }
});

test('on the command line, --prompt is what every sample begins with', () => {
  const { lines, status } = run(...tiny, '--num-steps', '5', '--num-samples', '4', '--prompt', 'gr');
  assert.equal(status, 0);
  assert.deepEqual(
    lines.slice(-5, -1).map((line) => line.slice(0, 13)),
    [1, 2, 3, 4].map((i) => `sample  ${i}: gr`),
  );
});

test('a character that the data lack is refused before training, in a prompt and in a word', () => {
  for (const option of ['--prompt', '--explain']) {
    const { stdout, stderr, status } = run(...tiny, option, 'gra7');
    assert.equal(status, 1);
    assert.match(stderr, /^micro_gpt: .*"7".*\n$/);
    assert.doesNotMatch(stdout, /step/);
  }
});

test('a prompt that leaves no room in the block is refused, and one that leaves room for one is not', () => {
  const parse = (prompt: string) => parseCommandLine(['--block-size', '4', '--prompt', prompt]);
  assert.throws(() => parse('abcd'), { exitCode: 2, message: /--prompt "abcd".*4/ });
  assert.equal(parse('a😀c').prompt, 'a😀c');
});

test('the evaluation compares the model with guessing evenly and with add-one bigrams', () => {
  // After "ab" twice: BOS is followed by a, a by b, b by BOS, 2 + 1 times out of 2 + 3 each, so with p = 0.6.
  // Held out are "ab", of three such pairs, and "b": b after BOS, 0 + 1 of 5, then 0.6.
  const tokenizer = new Tokenizer('ab');
  const evenly = createModel(config, 3, () => 0);
  const bigram = -(4 * Math.log(0.6) + Math.log(0.2)) / 5;
  assert.equal(
    evaluate(evenly, tokenizer, ['ab', 'ab'], ['ab', 'b']),
    [
      '',
      '--- evaluation (loss per character, 2 docs never trained on) ---',
      `this model:      ${Math.log(3).toFixed(4)}`,
      `guessing evenly: ${Math.log(3).toFixed(4)}`,
      `bigram table:    ${bigram.toFixed(4)}`,
    ].join('\n'),
  );
});

test('the evaluation counts characters and not documents, and of long ones what fits the block', () => {
  const tokenizer = new Tokenizer('ab');
  const model = randomModel(3, { blockSize: 3 });
  const lossOn = (...documents: string[]) => {
    const told = evaluate(model, tokenizer, [], documents);
    return Number(/this model: +([\d.]+)/.exec(told)?.[1]);
  };
  assert.ok(Math.abs(lossOn('a', 'bab') - (2 * lossOn('a') + 3 * lossOn('bab')) / 5) < 2e-4);
  assert.equal(lossOn('bab'), lossOn('babbbb'));
});

test('documents held out for --eval are never trained on', () => {
  // At learning rate 0 a document always has the same loss, so the losses come round with the documents.
  const losses = (...args: string[]) => {
    const { stdout } = run(...tiny, '--learning-rate', '0', '--num-samples', '0', ...args);
    return { stdout, losses: Array.from(stdout.matchAll(/loss ([\d.]+)\n/g), ([, loss]) => loss) };
  };
  const all = losses('--num-steps', '38').losses;
  const few = losses('--num-steps', '60', '--eval', '8');
  assert.deepEqual(few.losses, [...all.slice(0, 30), ...all.slice(0, 30)]);
  assert.match(few.stdout, /held out: 8 docs\n/);
  const enough = losses('--num-steps', '30', '--eval', '8');
  assert.deepEqual(enough.losses, all.slice(0, 30));
  assert.doesNotMatch(enough.stdout, /held out/);
  assert.match(enough.stdout, /8 docs never trained on/);
});

test('what is held out is not in training, not even under the same name', () => {
  const documents = ['ann', 'bob', 'ann', 'eve', 'bob', 'eve', 'kim', 'ann'];
  const hold = (numSteps: number, count: number) => holdOut(documents, { ...config, numSteps, eval: count });
  assert.deepEqual(hold(3, 2), { training: ['ann', 'bob', 'ann', 'bob', 'ann'], heldOut: ['eve', 'kim'] });
  assert.deepEqual(hold(3, 1), { training: documents.filter((name) => name !== 'kim'), heldOut: ['kim'] });
  assert.deepEqual(hold(1000, 3), { training: ['ann', 'ann', 'ann'], heldOut: ['bob', 'eve', 'kim'] });
  assert.deepEqual(hold(1000, 0), { training: documents, heldOut: [] });
  assert.throws(() => hold(3, 4), InputError);
});

test('after Ctrl-C, the bigram table has seen what the model has seen', async () => {
  // So wide that a step takes long enough to stop before the 37 documents are through.
  const args = [...tiny, '--n-embd', '128', '--learning-rate', '0.001', '--num-samples', '0', '--eval', '1'];
  const child = spawn(process.execPath, [...program, ...args, '--num-steps', '100000000']);
  child.stdout.once('data', () => child.kill('SIGINT'));
  const stopped = await text(child.stdout);
  const steps = /step +(\d+) \/ 100000000 \| loss [\d.]+\n\n/.exec(stopped)?.[1] ?? assert.fail('no steps');
  assert.ok(Number(steps) < 37, `${steps} steps`);
  const documents = new Random(config.seed).shuffle(splitDocuments(readFileSync(tiny[1], 'utf8')));
  const tokenizer = new Tokenizer(documents.join(''));
  const { training, heldOut } = holdOut(documents, { ...config, numSteps: 1e8, eval: 1 });
  const model = createModel(config, tokenizer.vocabSize, () => 0);
  const [bigram] =
    /bigram table: .*/.exec(evaluate(model, tokenizer, training.slice(0, Number(steps)), heldOut)) ?? [];
  assert.ok(bigram && stopped.includes(bigram), `${bigram}: ${stopped}`);
});

test('--eval that leaves nothing to train on is an error', () => {
  const { stderr, status } = run(...tiny, '--eval', '38');
  assert.equal(status, 1);
  assert.match(stderr, /^micro_gpt: --eval 38 .*\n$/);
});

/** Columns in a terminal: two for the wide characters used here. */
const columns = (line: string): number => [...line].reduce((n, c) => n + (/[李雷😎]/u.test(c) ? 2 : 1), 0);

test('an explanation shows, for each position, the truth, its probability and loss, and the likeliest five', () => {
  const tokenizer = new Tokenizer('abcdefg');
  const model = randomModel(8, { nLayer: 2 });
  const lines = explainWord(model, tokenizer, 'bad').split('\n');
  const caches = emptyCaches(model);
  const tokens = tokenizer.encode('bad');
  for (const [i, row] of lines.slice(3, 7).entries()) {
    const p = softmax(gpt(model, tokens[i], i, caches)).map(({ data }) => data);
    const [from, to] = ['.bad'[i], 'bad.'[i]];
    const truth = p[tokens[i + 1]];
    assert.ok(row.startsWith(`${from} -> ${to} `), row);
    assert.ok(row.includes(` ${Math.round(100 * truth)}% `), row);
    assert.ok(row.includes(` ${(-Math.log(truth)).toFixed(2)} `), row);
    const likeliest = [...p.entries()].sort(([, p], [, q]) => q - p).slice(0, 5);
    const cells = row.slice(19).matchAll(/(\S) [ ▏▎▍▌▋▊▉█]{4} *(\d+)%/g);
    const shown = Array.from(cells, ([, character, percent]) => `${character}${percent}`);
    assert.deepEqual(
      shown,
      likeliest.map(([token, p]) => `${'abcdefg.'[token]}${Math.round(100 * p)}`),
    );
  }
  for (const title of ['layer 1, head 1', 'layer 1, head 4', 'layer 2, head 3']) {
    assert.ok(
      lines.some((line) => line.includes(title)),
      title,
    );
  }
});

test('the map of a head is shaded by its weights, and blank where a position cannot look', () => {
  const tokenizer = new Tokenizer('ab');
  const even = createModel({ ...config, nHead: 1 }, 3, () => 0); // every position looks at all before it alike
  const lines = explainWord(even, tokenizer, 'ab').split('\n');
  assert.deepEqual(lines.slice(lines.findIndex((line) => line.startsWith('layer'))), [
    'layer 1, head 1',
    '  . a b',
    '. ██',
    'a ▓▓▓▓',
    'b ▒▒▒▒▒▒',
  ]);
});

test('an explanation lines up in 80 columns, for a long word as for wide characters', () => {
  const words = ['aaaabbbbccccdddd', '李雷😎é'];
  for (const word of words) {
    const tokenizer = new Tokenizer(words.join(''));
    const lines = explainWord(randomModel(tokenizer.vocabSize, { nLayer: 2 }), tokenizer, word).split('\n');
    assert.ok(
      lines.every((line) => columns(line) <= 80),
      word,
    );
    const rows = lines.filter((line) => line.includes('->'));
    const maps = lines.filter((line) => /^\S+ ?[░▒▓█]/u.test(line));
    assert.equal(rows.length, Math.min(16, [...word].length + 1));
    assert.equal(new Set(rows.map(columns)).size, 1, 'rows of the table are equally wide');
    assert.ok(maps.length >= rows.length);
    const titles = lines.filter((line) => line.startsWith('layer 1'));
    assert.ok(titles.length > 0);
  }
});

test('an explanation marks what has no width or shape, and tells how much of a long word it reads', () => {
  const tokenizer = new Tokenizer('e\u0301\tx');
  const explain = (blockSize: number): string =>
    explainWord(randomModel(tokenizer.vocabSize, { blockSize }), tokenizer, 'e\u0301\tx');
  assert.match(explain(8), /^e -> ◌\u0301 .*\n◌\u0301 -> · .*\n· -> x /m);
  assert.match(explain(3), /reads "e\u0301\t" ---\n/);
  assert.equal(explain(3).match(/ -> /g)?.length, 3);
});

test('titles of many heads do not run together', () => {
  const model = randomModel(2, { nEmbd: 128, nHead: 128, nLayer: 10, blockSize: 2 });
  assert.match(explainWord(model, new Tokenizer('a'), 'a'), /layer 10, head 127  layer 10, head 128/);
});

test('with --explain, the explanation comes instead of samples', () => {
  const { stdout, status } = run(...tiny, '--num-steps', '3', '--explain', 'ada');
  assert.equal(status, 0);
  assert.match(stdout, /how the model reads "ada"/);
  assert.doesNotMatch(stdout, /sample/);
});

test('a loss that is not finite ends training with one line, which names the step and the learning rate', () => {
  const { stderr, status } = run(...tiny, '--learning-rate', '1000');
  assert.equal(status, 1);
  assert.match(stderr, /^micro_gpt: step \d+: .*--learning-rate\n$/);
});

const { error: noScript } = spawnSync('script', ['--version']);
const terminal = { skip: noScript !== undefined && 'no script(1) here, which makes a terminal' };

/** What the program writes to a terminal of 70 columns. */
function onTerminal(environment: string, ...args: string[]): string {
  const clean = 'env -u CI -u NO_COLOR -u FORCE_COLOR -u NODE_DISABLE_COLORS';
  const command = `stty cols 70; ${clean} ${environment} ${[process.execPath, ...program, ...tiny, ...args].join(' ')}`;
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8', input: '' });
  return stdout.replaceAll('\r\n', '\n');
}

test('on a terminal, the steps are one line that redraws, with a curve at the end', terminal, () => {
  const shown = onTerminal('TERM=xterm', '--num-steps', '300', '--num-samples', '2');
  const [progress, after = ''] = shown.split('\n\n');
  const redrawn = progress
    .split('\r')
    .slice(1)
    .map((line) => line.replace('\x1b[K', '').trimEnd());
  assert.ok(redrawn.length >= 2 && redrawn.length < 100, `${redrawn.length} redraws`);
  const last = redrawn.at(-1) ?? '';
  assert.match(last, /^step  300 \/  300 \| loss \d\.\d{4} \| [▁▂▃▄▅▆▇█ ]{16} \| \d+ steps\/s/);
  assert.ok(redrawn.every((line) => line.length < 70));
  const curve = after.split('\n');
  assert.match(curve[0], /^ 3\.18┬ guessing evenly/); // ln 24
  assert.match(curve.slice(1, 6).join('\n'), /^( {5}│[ ▁▂▃▄▅▆▇█]{63}\n?){5}$/);
  assert.match(curve[6], /^ \d\.\d\d┴─{63}$/);
  assert.match(curve[7], /^ {6}step 1 +step 300$/);
  assert.ok(curve.slice(0, 8).every((line) => line.length === 69));
  assert.match(shown, /\n--- inference [^]*sample {2}2: /);
});

test('a terminal that is dumb, or wants no colour, gets the plain lines', terminal, () => {
  const flags = ['--num-steps', '3', '--num-samples', '1'];
  const plain = run(...tiny, ...flags).stdout;
  for (const environment of ['TERM=dumb', 'NO_COLOR=1'])
    assert.equal(onTerminal(environment, ...flags), plain);
});

test('Ctrl-C stops training and goes on to the samples; a second one ends the program', async () => {
  const start = (samples: string) =>
    spawn(process.execPath, [...program, ...tiny, '--num-steps', '100000000', '--num-samples', samples]);
  const once1 = start('3');
  once1.stdout.once('data', () => setTimeout(() => once1.kill('SIGINT'), 200));
  const [output, [code]] = await Promise.all([text(once1.stdout), once(once1, 'close')]);
  assert.equal(code, 0);
  assert.match(output, /loss [\d.]+\n\n--- inference [^]*sample {2}3: /);

  const twice = start('100000000');
  twice.stdout.once('data', () => setTimeout(() => twice.kill('SIGINT'), 200));
  twice.stdout.on('data', (chunk: Buffer) => {
    if (chunk.includes('sample ')) twice.kill('SIGINT');
  });
  const [, signal] = await once(twice, 'close');
  assert.equal(signal, 'SIGINT');
});

test('Ctrl-C after training ends the program at once', async () => {
  const args = [...program, ...tiny, '--num-steps', '1', '--num-samples', '100000000'];
  const child = spawn(process.execPath, args, { timeout: 10_000, killSignal: 'SIGKILL' });
  child.stdout.on('data', (chunk: Buffer) => {
    if (!child.killed && chunk.includes('sample ')) child.kill('SIGINT');
  });
  const [, signal] = await once(child, 'close');
  assert.equal(signal, 'SIGINT');
});
