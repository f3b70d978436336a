import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  adam, createModel, createTokenizer, emptyCaches, gpt, lossOf, parameters, Random, sample, tidy, train, Value,
} from '../micro_gpt.ts';
import type { Config, Model, Tokenizer } from '../micro_gpt.ts';
import { assertClose, defaults, numbersOf, randomModel } from './helpers.ts';

const documents = ['ab', 'cab', 'b'];
const tokenizer = createTokenizer(documents);
const settings: Partial<Config> = { nEmbd: 8, nHead: 2, blockSize: 6, numSteps: 10 };
const modelWith = (changes: Partial<Config>, vocabSize = tokenizer.vocabSize): Model =>
  randomModel(vocabSize, { ...settings, ...changes });

const dataOf = (model: Model): number[] => numbersOf(parameters(model));
const lossAsNumber = (model: Model, document: string): number =>
  tidy(() => lossOf(model, tokenizer.encode(document)).data);

// ---- Adam

test('adam makes the three steps that we work out by hand, and clears the gradients', () => {
  const p = new Value(1);
  const update = adam([p]);

  // m = 0.15 * 2 = 0.3,                    without the bias 0.3 / 0.15 = 2
  // v = 0.01 * 2 ** 2 = 0.04,              without the bias 0.04 / 0.01 = 4
  // p = 1 - 0.1 * 2 / sqrt(4)
  p.grad = 2;
  update(0.1);
  assertClose(p.data, 0.9, 1e-8);

  // m = 0.85 * 0.3 + 0.15 * -1 = 0.105,    without the bias 0.105 / (1 - 0.85 ** 2) = 0.37837838
  // v = 0.99 * 0.04 + 0.01 * 1 = 0.0496,   without the bias 0.0496 / (1 - 0.99 ** 2) = 2.49246231
  // p = 0.9 - 0.2 * 0.37837838 / 1.57875340
  p.grad = -1;
  update(0.2);
  assertClose(p.data, 0.85206618, 1e-8);

  // m = 0.85 * 0.105 = 0.08925,            without the bias 0.08925 / (1 - 0.85 ** 3) = 0.23129252
  // v = 0.99 * 0.0496 = 0.049104,          without the bias 0.049104 / (1 - 0.99 ** 3) = 1.65327767
  // p = 0.85206618 - 0.1 * 0.23129252 / 1.28579846
  update(0.1); // with a gradient of 0, as the second call cleared it
  assertClose(p.data, 0.83407794, 1e-8);
});

test('adam keeps the means of each parameter apart', () => {
  const together = [new Value(1), new Value(2)];
  const apart = [new Value(1), new Value(2)];
  const update = adam(together);
  const updates = apart.map((p) => adam([p]));
  for (const grads of [[3, -1], [0, 5], [-2, 0.1]]) {
    grads.forEach((grad, i) => { together[i].grad = apart[i].grad = grad; });
    update(0.1);
    updates.forEach((updateOne) => updateOne(0.1));
    assert.deepEqual(together.map((p) => p.data), apart.map((p) => p.data));
  }
});

test('adam adds 1e-8 to the root: a first gradient of 1e-8 makes half a step, and one of 0 none', () => {
  const p = new Value(5), q = new Value(5);
  p.grad = 1e-8;
  adam([p, q])(0.01);
  assertClose(p.data, 4.995, 1e-12);
  assert.equal(q.data, 5);
});

test('adam takes other constants', () => {
  const p = new Value(5);
  p.grad = 2;
  const update = adam([p], 0, 0, 2);
  update(1); // m = 2, v = 4
  assert.equal(p.data, 4.5);
});

// ---- Training

test('train walks from document to document and round again, and from learningRate evenly down to 0', () => {
  const changes = { numSteps: 8, learningRate: 0.2 };
  const model = modelWith(changes);
  const losses = [...train(model, tokenizer, documents)];

  const byHand = modelWith(changes);
  const update = adam(parameters(byHand));
  const rates = [0.2, 0.175, 0.15, 0.125, 0.1, 0.075, 0.05, 0.025];
  const expected = ['ab', 'cab', 'b', 'ab', 'cab', 'b', 'ab', 'cab'].map((document, i) => {
    const loss = lossAsNumber(byHand, document);
    tidy(() => lossOf(byHand, tokenizer.encode(document)).backward());
    update(rates[i]);
    return loss;
  });

  assert.equal(losses.length, 8);
  assertClose(losses, expected, 1e-12);
  assertClose(dataOf(model), dataOf(byHand), 1e-12);
});

test('with 0 steps, nothing happens', () => {
  const model = modelWith({ numSteps: 0 });
  assert.deepEqual([...train(model, tokenizer, documents)], []);
  assert.deepEqual(dataOf(model), dataOf(modelWith({})));
});

test('training goes no further than its caller wants to hear', () => {
  const [stopped, short] = [modelWith({}), modelWith({ numSteps: 1 })];
  const steps = train(stopped, tokenizer, documents);
  steps.next();
  steps.return();
  steps.next();
  train(short, tokenizer, documents).next();
  assert.deepEqual(dataOf(stopped), dataOf(short));
});

test('a model trained on one word knows it by heart, and says it', () => {
  const tokenizer = createTokenizer(['hello']);
  const model = modelWith({ numSteps: 100, learningRate: 0.03, temperature: 0.1 }, tokenizer.vocabSize);
  const losses = [...train(model, tokenizer, ['hello'])];
  assert.ok(losses[0] > 1 && losses[99] < 0.05, `from ${losses[0]} to ${losses[99]}`);
  assert.equal(sample(model, tokenizer, new Random(1)), 'hello');
});

test('training and sampling give all their slots back', () => {
  const model = modelWith({});
  const before = new Value(0).slot;
  for (const _ of train(model, tokenizer, documents)) sample(model, tokenizer, new Random(1));
  assert.equal(new Value(0).slot, before + 1);
});

// ---- Sampling

/** A model of a, b and BOS that gives these logits at all times. */
function modelWithLogits(logits: number[], changes: Partial<Config>): Model {
  const model = createModel({ ...defaults, ...settings, nEmbd: 1, nHead: 1, ...changes }, 3, () => 0);
  model.wte.forEach(([x]) => { x.data = 1e6; }); // which rmsnorm makes 1
  model.lmHead.forEach(([x], i) => { x.data = logits[i]; });
  return model;
}
const ab = createTokenizer(['ab']);

/** How large a part of 5000 samples each document makes up. */
function frequencies(model: Model, tokenizer: Tokenizer): (document: string) => number {
  const random = new Random(1);
  const counts = new Map<string, number>();
  for (let i = 0; i < 5000; i++) {
    const document = sample(model, tokenizer, random);
    counts.set(document, (counts.get(document) ?? 0) + 1);
  }
  return (document) => (counts.get(document) ?? 0) / 5000;
}

test('at a low temperature, a sample takes the likeliest character', () => {
  for (const temperature of [1e-6, 1e-3, 0.01]) {
    const model = modelWithLogits([0, 0.3, -0.1], { temperature, blockSize: 4 });
    for (let seed = 0; seed < 20; seed++) assert.equal(sample(model, ab, new Random(seed)), 'bbbb');
  }
});

test('temperature 0.5 turns probabilities of [0.25, 0.75] into [0.1, 0.9]', () => {
  const logits = [Math.log(0.25), Math.log(0.75), -1000];
  const frequency = frequencies(modelWithLogits(logits, { temperature: 0.5, blockSize: 1 }), ab);
  assertClose(frequency('a'), 0.1, 0.01);
  assertClose(frequency('b'), 0.9, 0.01);
});

test('samples begin with the prompt, and go on with what the model expects after its last character', () => {
  const model = modelWith({ temperature: 1e-6 }); // so that the likeliest is drawn
  for (const prompt of ['a', 'b', 'c', 'ab', 'bc', 'ca', 'cab', 'bcbca']) {
    const caches = emptyCaches(model);
    const tokens = tokenizer.encode(prompt).slice(0, -1);
    const [last] = tokens.map((token, i) => numbersOf(gpt(model, token, i, caches))).reverse();
    const likeliest = tokenizer.characters[last.indexOf(Math.max(...last))] ?? '';
    const drawn = sample(model, tokenizer, new Random(1), prompt);
    assert.equal(drawn.slice(0, prompt.length + 1), prompt + likeliest);
  }
});

test('a prompt takes no random numbers: what is drawn first is drawn after it', () => {
  const model = modelWith({ temperature: 1 });
  const [random, twin] = [new Random(3), new Random(3)];
  const drawn = sample(model, tokenizer, random, 'cab').length - 3 + 1; // and BOS, unless the block is full
  for (let i = 0; i < Math.min(drawn, 6 - 3); i++) twin.random();
  assert.equal(random.random(), twin.random());
});

test('a document is as frequent as its loss says it is likely', () => {
  const model = modelWith({ temperature: 1, blockSize: 6 });
  const frequency = frequencies(model, tokenizer);
  for (const document of ['', 'a', 'b', 'ca', 'bb']) {
    const likelihood = Math.exp(-lossAsNumber(model, document) * (document.length + 1)); // and 1 for its end
    assertClose(frequency(document), likelihood, 0.015);
  }
});
