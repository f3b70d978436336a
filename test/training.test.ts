import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  adam, choose, createTokenizer, emptyCaches, gpt, lossOf, parameters, Random, sample, tidy, train, Value,
} from '../micro_gpt.ts';
import type { Config, Model } from '../micro_gpt.ts';
import { assertClose, defaults, numbersOf, randomModel, withTables } from './helpers.ts';

const documents = ['ab', 'cab', 'b'], tokenizer = createTokenizer(documents);
const settings = { nEmbd: 8, nHead: 2, blockSize: 6, numSteps: 10 };
const modelWith = (changes: Partial<Config>) => randomModel(tokenizer.vocabSize, { ...settings, ...changes });

test('adam makes the three steps that we work out by hand, and clears the gradients', () => {
  const p = new Value(1), update = adam([p]);

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

test('adam keeps its parameters apart: a first gradient of 1e-8 makes half a step, and one of 0 none', () => {
  const p = new Value(5), q = new Value(5);
  p.grad = 1e-8; // which is as large as epsilon
  adam([p, q])(0.01);
  assertClose(numbersOf([p, q]), [4.995, 5], 1e-12);
});

test('train walks from document to document and round again, and from learningRate evenly down to 0', () => {
  const [model, byHand] = [1, 2].map(() => modelWith({ numSteps: 8, learningRate: 0.2 }));
  const losses = [...train(model, tokenizer, documents)];

  const update = adam(parameters(byHand));
  const rates = [0.2, 0.175, 0.15, 0.125, 0.1, 0.075, 0.05, 0.025];
  const expected = ['ab', 'cab', 'b', 'ab', 'cab', 'b', 'ab', 'cab'].map((document, i) => tidy(() => {
    const loss = lossOf(byHand, tokenizer.encode(document));
    loss.backward();
    update(rates[i]);
    return loss.data;
  }));

  assertClose(losses, expected, 1e-12, 'losses');
  assertClose(numbersOf(parameters(model)), numbersOf(parameters(byHand)), 1e-12, 'parameters');
});

test('a step reads one document, however many there are', () => {
  let encoded = 0;
  const encode = (text: string) => { encoded++; return tokenizer.encode(text); };
  train(modelWith({}), { ...tokenizer, encode }, Array<string>(1000).fill('ab')).next();
  assert.equal(encoded, 1);
});

test('a step of training and a sample give all their slots and lines back', async () => {
  const gpt = await withTables(), model = gpt.createModel({ ...defaults, ...settings }, 4, () => 0.1);
  const taken = () => [gpt.nextSlot, gpt.nextLine], before = taken();
  gpt.train(model, tokenizer, documents).next();
  assert.deepEqual(taken(), before, 'after a step');
  gpt.sample(model, tokenizer, new gpt.Random(1));
  assert.deepEqual(taken(), before, 'after a sample');
});

/** What sample() should invent. */
function sampleByHand(model: Model, random: Random, prompt: string): string {
  const caches = emptyCaches(model), { blockSize, temperature } = model.config, { bos, characters } = tokenizer;
  let text = '';
  while (text.length < blockSize) {
    const token = text === '' ? bos : characters.indexOf(text.at(-1)!);
    const logits = numbersOf(gpt(model, token, text.length, caches)), largest = Math.max(...logits);
    const shares = logits.map((logit) => Math.exp((logit - largest) / temperature));
    const next = prompt[text.length] ?? characters[choose(shares, random.random())];
    if (next === undefined) break; // it is BOS
    text += next;
  }
  return text;
}

test('a sample is the prompt, and what the dice say at each temperature, which no prompt rolls', () => {
  for (const temperature of [1e-6, 0.5, 1, 2]) {
    const model = modelWith({ temperature });
    for (const prompt of ['', 'a', 'cab', 'bcbcab']) { // the last fills the block
      for (let seed = 0; seed < 20; seed++) {
        const about = `temperature ${temperature}, prompt "${prompt}", seed ${seed}`;
        const random = new Random(seed), twin = new Random(seed);
        assert.equal(sample(model, tokenizer, random, prompt), sampleByHand(model, twin, prompt), about);
        assert.equal(random.random(), twin.random(), `${about}: it should draw as many random numbers`);
      }
    }
  }
});
