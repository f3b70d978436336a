// The exercises of README.md. Each has a solution, as changes to micro_gpt.ts (what is in the file, and what replaces
// it), and a check, which fails on the file as it is and passes on the solution.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as original from '../micro_gpt.ts';
import { changed, defaults, load, numbersOf, type Change, type Gpt } from './helpers.ts';

function exercise(name: string, changes: Change[], check: (gpt: Gpt) => void): void {
  test(`exercise ${name}: its check fails on the file as it is, and passes on the solution`, async () => {
    check(await load(changed(...changes)));
    assert.throws(() => check(original), `the check of exercise ${name} should fail on the file as it is`);
  });
}

/** Trains a model on the built-in names, and returns it with the losses. */
function trained(gpt: Gpt, settings: Partial<original.Config>) {
  const random = new gpt.Random(42);
  const documents = random.shuffle([...gpt.builtInNames]), tokenizer = gpt.createTokenizer(documents);
  const model = gpt.createModel({ ...defaults, ...settings }, tokenizer.vocabSize, () => random.gauss(0, 0.08));
  return { model, losses: [...gpt.train(model, tokenizer, documents)] };
}
const mean = (numbers: number[]): number => numbers.reduce((a, b) => a + b) / numbers.length;
function assertLearns(gpt: Gpt): void {
  const { losses } = trained(gpt, { numSteps: 150 });
  const [first, last] = [mean(losses.slice(0, 50)), mean(losses.slice(-50))];
  assert.ok(last < first - 0.2, `the loss should fall, but goes from ${first} to ${last}`);
}
const assertCount = (gpt: Gpt, config: original.Config, count: number): void =>
  assert.equal(gpt.parameters(gpt.createModel(config, 27, () => 0)).length, count);
const assertRounded = (actual: number[], expected: number[]): void =>
  assert.deepEqual(actual.map((x) => x.toFixed(4)), expected.map((x) => x.toFixed(4)));
type Extended = original.Value & Record<'tanh' | 'gelu', () => original.Value>;

exercise('1, two layers', [['nLayer: [1,', 'nLayer: [2,']], (gpt) =>
  assertCount(gpt, gpt.parseCommandLine([]).config, 7264));

exercise('2, pairs of characters', [
  ['const characters = [...new Set(documents.join(\'\'))];', `const pairs = new Map<string, number>();
  for (const document of documents) {
    const letters = [...document];
    for (let i = 1; i < letters.length; i++) {
      const pair = letters[i - 1] + letters[i];
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
    }
  }
  const [pair] = [...pairs].sort(([, m], [, n]) => n - m)[0];
  const split = (text: string) => text.split(pair).flatMap((part, i) => (i === 0 ? [...part] : [pair, ...part]));
  const characters = [...new Set(documents.join('')), pair];`],
  ['Array.from(text, (character)', 'Array.from(split(text), (character)'],
], (gpt) => {
  const { characters, encode } = gpt.createTokenizer(['banana', 'bandana']);
  assert.equal(encode('banana').length, 6);
  assert.equal(encode('bandana').slice(1, -1).map((token) => characters[token]).join(''), 'bandana');
  assertLearns(gpt);
});

exercise('3, tanh', [
  ['relu() ', `tanh() { return new Value(Math.tanh(this.data)).from(this, 1 - Math.tanh(this.data) ** 2); }
  relu() `],
], (gpt) => {
  const x = new gpt.Value(0.5) as Extended;
  x.tanh().backward();
  assertRounded([x.grad], [0.7864]);
});

exercise('4, GeLU', [
  ['relu() ', 'gelu() { return this.div(this.mul(-1.702).exp().add(1)); }\n  relu() '],
  ['(h) => h.relu()', '(h) => h.gelu()'],
], (gpt) => {
  const x = new gpt.Value(1) as Extended, y = x.gelu();
  y.backward();
  assertRounded([y.data, x.grad], [0.8458, 1.0678]);
  assertLearns(gpt);
});

exercise('5, tied embeddings', [
  ['    lmHead: matrix(vocabSize, nEmbd), ', '    '],
  ['({ wte, wpe, lmHead, layers }', '({ wte, wpe, layers }'],
  ['[wte, wpe, lmHead, ...', '[wte, wpe, ...'],
  ['linear(model.lmHead, x)', 'linear(model.wte, x)'],
], (gpt) => {
  assertCount(gpt, defaults, 3760);
  assertLearns(gpt);
});

exercise('6, weight decay', [
  ['p.data -= learningRate * mean', 'p.data -= learningRate * 0.1 * p.data;\n      p.data -= learningRate * mean'],
], (gpt) => {
  const p = new gpt.Value(1);
  gpt.adam([p])(0.1);
  assertRounded([p.data], [0.99]);
});

exercise('7, a second document', [
  ['const tokens = tokenizer.encode(documents[step % documents.length]);', `const batch = [2 * step, 2 * step + 1]
      .map((i) => tokenizer.encode(documents[i % documents.length]));`],
  ['const loss = lossOf(model, tokens);', 'const loss = sum(batch.map((tokens) => lossOf(model, tokens))).div(2);'],
], (gpt) => {
  const now = trained(original, { numSteps: 2, learningRate: 0 }).losses;
  assertRounded(trained(gpt, { numSteps: 1, learningRate: 0 }).losses, [mean(now)]);
  assertLearns(gpt);
});

exercise('8, warm-up', [
  ['learningRate * (1 - step / numSteps)', 'learningRate * Math.min((step + 1) / 100, 1 - step / numSteps)'],
], (gpt) => {
  const [before, after] = [0, 0.01].map((learningRate) => // after one step
    numbersOf(gpt.parameters(trained(gpt, { numSteps: 1, learningRate }).model)));
  const furthest = Math.max(...after.map((p, i) => Math.abs(p - before[i])));
  assert.ok(furthest < 0.000101, `no parameter should move by more than 0.0001, but one moves by ${furthest}`);
  assertLearns(gpt);
});

exercise('9, top-k sampling', [
  ['choose(probabilities, ', `choose(probabilities.map((p) =>
        (probabilities.filter((q) => q > p).length < 1 ? p : 0)), `], // k is 1 here
], (gpt) => {
  const tokenizer = gpt.createTokenizer(['abcdefgh']), random = new gpt.Random(1);
  const model = gpt.createModel(defaults, 9, () => random.gauss(0, 0.5));
  const samples = Array.from({ length: 20 }, () => gpt.sample(model, tokenizer, random));
  assert.deepEqual(samples, samples.map(() => samples[0]));
});

exercise('10, rotary positions', [
  ['    wpe: matrix(blockSize, nEmbd), ', '    '],
  ['({ wte, wpe, lmHead, layers }', '({ wte, lmHead, layers }'],
  ['[wte, wpe, lmHead, ...', '[wte, lmHead, ...'],
  ['add(model.wte[token], model.wpe[position])', 'model.wte[token]'],
  ['const headDim = x.length / caches.length;', `const headDim = x.length / caches.length;
  const position = caches[0].keys.length;
  const rotate = (v: Vector): Vector => v.map((vi, i) => { // each two numbers are turned together
    const angle = position / 10000 ** ((i - (i % 2)) / headDim);
    const other = i % 2 === 0 ? v[i + 1].mul(-Math.sin(angle)) : v[i - 1].mul(Math.sin(angle));
    return vi.mul(Math.cos(angle)).add(other);
  });`],
  ['cache.keys.push(part(key))', 'cache.keys.push(rotate(part(key)))'],
  ['linear(cache.keys, part(query))', 'linear(cache.keys, rotate(part(query)))'],
], (gpt) => {
  assertCount(gpt, defaults, 3936);
  const random = new gpt.Random(1);
  const model = gpt.createModel(defaults, 4, () => random.gauss(0, 0.5));
  const last = (...tokens: number[]) => { // what comes after these
    const caches = gpt.emptyCaches(model);
    return tokens.map((token, i) => numbersOf(gpt.gpt(model, token, i, caches))).at(-1);
  };
  assert.notDeepEqual(last(3, 0, 1, 2), last(3, 1, 0, 2), 'the order of letters should matter');
  assertLearns(gpt);
});
