import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModel, emptyCaches, gpt, lossOf, parameters, rmsnorm, softmax, tidy } from '../micro_gpt.ts';
import type { Config, Matrix, Model } from '../micro_gpt.ts';
import { assertClose, defaults, numbersOf, randomModel as anyModel, vectorOf } from './helpers.ts';

const small: Config = { ...defaults, nEmbd: 6, nHead: 2, nLayer: 2, blockSize: 5 };
const vocabSize = 4;
const bos = 3;
const randomModel = (config = small): Model => anyModel(vocabSize, config);

/** The logits at each position. */
function logitsOf(model: Model, tokens: number[]): number[][] {
  const logits: number[][] = [];
  tidy(() => {
    const caches = emptyCaches(model);
    tokens.forEach((token, position) => logits.push(numbersOf(gpt(model, token, position, caches))));
  });
  return logits;
}

const lossAsNumber = (model: Model, tokens: number[]): number => tidy(() => lossOf(model, tokens).data);

// ---- Parts

test('softmax is safe with scores of 1000 and -1000, and so are its gradients', () => {
  for (const [scores, probabilities, gradientsOfFirst] of [
    [[1000, 1000], [0.5, 0.5], [0.25, -0.25]],
    [[-1000, -1000], [0.5, 0.5], [0.25, -0.25]],
    [[1000, -1000], [1, 0], [0, 0]],
  ]) {
    const x = vectorOf(...scores);
    const result = softmax(x);
    result[0].backward();
    assert.deepEqual(numbersOf(result), probabilities);
    assertClose(x.map((score) => score.grad), gradientsOfFirst, 0);
  }
});

test('rmsnorm adds 1e-5 to the mean square, so that a vector of zeros stays one', () => {
  const zeros = vectorOf(0, 0, 0);
  const result = rmsnorm(zeros);
  assert.deepEqual(numbersOf(result), [0, 0, 0]);
  result[0].backward();
  assertClose(zeros.map((x) => x.grad), [1e-5 ** -0.5, 0, 0], 1e-10);
  const small = 0.001 / Math.sqrt(0.001 ** 2 + 1e-5);
  assertClose(numbersOf(rmsnorm(vectorOf(0.001, 0.001))), [small, small], 1e-12);
});

// ---- Parameters

test('by default there are 4192 parameters', () => {
  assert.equal(parameters(createModel(defaults, 27, () => 0)).length, 4192);
});

test('parameters are drawn in the order of the original: matrix by matrix, row by row', () => {
  let drawn = 0;
  const model = createModel(small, vocabSize, () => drawn++);
  const { wte, wpe, lmHead, layers: [first, second] } = model;
  const inOrder = [
    wte, wpe, lmHead, first.wq, first.wk, first.wv, first.wo, first.fc1, first.fc2,
    second.wq, second.wk, second.wv, second.wo, second.fc1, second.fc2,
  ].flat(2);
  const counted = Array.from({ length: drawn }, (_, i) => i);
  assert.deepEqual(numbersOf(inOrder), counted);
  assert.deepEqual(numbersOf(parameters(model)), counted);
});

// ---- The whole model

/** The logits at each position, once more, on plain numbers and all positions at a time. */
function plainLogits({ wte, wpe, lmHead, layers, config }: Model, tokens: number[]): number[][] {
  const { nEmbd, nHead } = config;
  const range = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);
  const total = (xs: number[]) => xs.reduce((a, b) => a + b, 0);
  const plus = (x: number[], y: number[]) => x.map((xi, i) => xi + y[i]);
  const times = (w: Matrix, x: number[]) => w.map((row) => total(row.map((wi, i) => wi.data * x[i])));
  const norm = (x: number[]) => x.map((xi) => xi / Math.sqrt(total(x.map((xj) => xj * xj)) / nEmbd + 1e-5));

  let xs = tokens.map((token, t) => norm(plus(numbersOf(wte[token]), numbersOf(wpe[t]))));
  for (const { wq, wk, wv, wo, fc1, fc2 } of layers) {
    const [queries, keys, values] = [wq, wk, wv].map((w) => xs.map((x) => times(w, norm(x))));
    const heard = queries.map((query, now) => range(0, nHead).flatMap((head) => {
      const part = range((head * nEmbd) / nHead, ((head + 1) * nEmbd) / nHead);
      const match = (key: number[]) => total(part.map((i) => query[i] * key[i]));
      const powers = keys.slice(0, now + 1).map((key) => Math.exp(match(key) / Math.sqrt(part.length)));
      return part.map((i) => total(powers.map((power, t) => power * values[t][i])) / total(powers));
    }));
    xs = xs.map((x, t) => plus(x, times(wo, heard[t])));
    xs = xs.map((x) => plus(x, times(fc2, times(fc1, norm(x)).map((h) => (h > 0 ? h : 0)))));
  }
  return xs.map((x) => times(lmHead, x));
}

/** The mean of -log(probability) over all predictions. */
function plainLoss(model: Model, tokens: number[]): number {
  const losses = plainLogits(model, tokens.slice(0, -1)).map((logits, t) =>
    Math.log(logits.reduce((total, logit) => total + Math.exp(logit), 0)) - logits[tokens[t + 1]]);
  return losses.reduce((a, b) => a + b) / losses.length;
}

for (const [nLayer, nHead, length] of [[2, 2, 5], [2, 1, 5], [2, 6, 5], [1, 3, 5], [1, 2, 70]]) {
  test(`${length} logits are those of plain numbers, with ${nLayer} layers and ${nHead} heads`, () => {
    const model = randomModel({ ...small, nLayer, nHead, blockSize: length });
    const tokens = Array.from({ length }, (_, i) => [bos, 0, 2, 2, 1][i % 5]);
    assertClose(logitsOf(model, tokens).flat(), plainLogits(model, tokens).flat(), 1e-12);
  });
}

test('a position sees all tokens so far, and none that come later', () => {
  const model = randomModel();
  const tokens = [bos, 0, 1, 2, 0];
  const before = logitsOf(model, tokens);
  tokens.forEach((token, changed) => {
    const after = logitsOf(model, tokens.map((same, i) => (i === changed ? (token + 1) % vocabSize : same)));
    for (let position = 0; position < tokens.length; position++) {
      if (position < changed) assert.deepEqual(after[position], before[position]);
      else assert.notDeepEqual(after[position], before[position]);
    }
  });
});

test('the gradients of the loss agree with central differences, in every matrix', async (t) => {
  const model = randomModel();
  const tokens = [bos, 0, 2, 2, 1, bos];
  tidy(() => lossOf(model, tokens).backward());

  const { wte, wpe, lmHead, layers } = model;
  const inLayers = layers.flatMap((layer, i) =>
    Object.entries(layer).map(([name, matrix]): [string, Matrix] => [`${name} of layer ${i}`, matrix]));
  for (const [name, matrix] of [...Object.entries({ wte, wpe, lmHead }), ...inLayers]) {
    await t.test(name, () => {
      for (const parameter of matrix.flat()) {
        const { data, grad } = parameter;
        const lossAt = (x: number) => { parameter.data = x; return lossAsNumber(model, tokens); };
        const difference = (lossAt(data + 1e-5) - lossAt(data - 1e-5)) / 2e-5;
        parameter.data = data;
        assertClose([grad], [difference], 1e-8);
      }
      assert.ok(matrix.flat().some((parameter) => parameter.grad !== 0), 'some gradients are not 0');
    });
  }
});

// ---- The loss

test('the loss is the mean of -log(the probability of the token that came)', () => {
  const model = randomModel();
  for (const tokens of [[bos, bos], [bos, 0, bos], [bos, 0, 2, 2, bos]]) {
    assertClose([lossAsNumber(model, tokens)], [plainLoss(model, tokens)], 1e-12);
  }
});

test('a document is predicted up to its end, or to the end of the block', () => {
  const model = randomModel({ ...small, blockSize: 3 });
  assertClose(lossAsNumber(model, [bos, 0, 1, bos]), plainLoss(model, [bos, 0, 1, bos]), 1e-12);
  assertClose(lossAsNumber(model, [bos, 0, 1, 2, 0, bos]), plainLoss(model, [bos, 0, 1, 2]), 1e-12);
});
