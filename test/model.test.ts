import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costsOf, createModel, emptyCaches, gpt, lossOf, parameters, softmax, tidy, Value } from '../micro_gpt.ts';
import type { Config } from '../micro_gpt.ts';
import { assertClose, defaults, gradsOf, numbersOf, randomModel, run, temporaryFolder, vectorOf } from './helpers.ts';
import { copyModel, matricesOf, objectCosts, objectLogits } from './object_graph.ts';

const small: Config = { ...defaults, nEmbd: 6, nHead: 2, nLayer: 2, blockSize: 5 };
const vocabSize = 4, bos = 3;

test('softmax is safe with scores of 1000 and -1000, and so are its gradients', () => {
  for (const [scores, probabilities, gradientsOfFirst] of [
    [[1000, 1000], [0.5, 0.5], [0.25, -0.25]],
    [[-1000, -1000], [0.5, 0.5], [0.25, -0.25]],
    [[1000, -1000], [1, 0], [0, 0]],
  ]) {
    const x = vectorOf(...scores), result = softmax(x);
    result[0].backward();
    assertClose([...numbersOf(result), ...gradsOf(x)], [...probabilities, ...gradientsOfFirst], 0, `${scores}:`);
  }
});

test('parameters are drawn in the order of the original: matrix by matrix, row by row', () => {
  let drawn = 0;
  const model = createModel(small, vocabSize, () => drawn++), { wte, wpe, lmHead, layers } = model;
  const inLayers = layers.flatMap(({ wq, wk, wv, wo, fc1, fc2 }) => [wq, wk, wv, wo, fc1, fc2]);
  const counted = Array.from({ length: drawn }, (_, i) => i);
  assert.deepEqual(numbersOf([wte, wpe, lmHead, ...inLayers].flat(2)), counted, 'in the matrices');
  assert.deepEqual(numbersOf(parameters(model)), counted, 'in the list of them');
  assert.equal(parameters(createModel(defaults, 27, () => 0)).length, 4192, 'with the defaults, for 27 tokens');
});

for (const [nLayer, nHead, blockSize, length] of [
  [2, 2, 5, 5], [2, 1, 5, 4], [2, 6, 5, 3], [1, 3, 5, 5], [1, 2, 70, 70], [1, 2, 3, 5],
]) {
  const title = `${nLayer} layers with ${nHead} heads and a block of ${blockSize}`;
  test(`${title} read ${length} tokens like a model on plain objects, up to the end of the block`, () => {
    const model = randomModel(vocabSize, { ...small, nLayer, nHead, blockSize }), objects = copyModel(model);
    const tokens = Array.from({ length: length + 1 }, (_, i) => [bos, 0, 2, 2, 1][i % 5]);
    const seen = tokens.slice(0, blockSize + 1);

    const logits = objectLogits(objects, seen.slice(0, -1)).map((row) => row.map((x) => x.data));
    const caches = emptyCaches(model);
    for (const [t, expected] of logits.entries()) {
      assertClose(numbersOf(gpt(model, tokens[t], t, caches)), expected, 1e-12, `logits at ${t}:`);
    }
    const costs = objectCosts(objects, seen);
    assertClose(tidy(() => numbersOf(costsOf(model, tokens))), costs.map((x) => x.data), 1e-12, 'costs:');
    const mean = costs.reduce((total, cost) => total.add(cost)).div(costs.length);
    const loss = lossOf(model, tokens);
    assertClose(loss.data, mean.data, 1e-12, 'loss:');

    loss.backward();
    mean.backward();
    const expected = matricesOf(objects).map(([, matrix]) => matrix.flat().map((x) => x.grad));
    for (const [i, [name, matrix]] of matricesOf(model).entries()) {
      assertClose(gradsOf(matrix.flat()), expected[i], 1e-12, `gradients of ${name}, the ${i}th matrix:`);
      assert.notEqual(Math.max(...expected[i]), 0, `the ${i}th, ${name}, should have gradients to compare`);
    }
  });
}

test('an earlier position costs a later one as many slots in a wide model as in a narrow one', () => {
  const growth = [8, 32].map((nEmbd) => { // making its key and value anew would take more if wide
    const model = randomModel(vocabSize, { ...small, nEmbd, blockSize: 9 }), caches = emptyCaches(model);
    const slots = Array.from({ length: 9 }, (_, position) => {
      const before = new Value(0).slot;
      gpt(model, bos, position, caches);
      return new Value(0).slot - before;
    });
    return slots.slice(1).map((count, i) => count - slots[i]);
  });
  assert.deepEqual(growth[1], growth[0]);
});

for (const [width, block] of [['16', '730'], ['256', '20']]) {
  test(`there is room for a block of ${block} tokens at width ${width}, with 26 letters`, async (t) => {
    const cwd = await temporaryFolder(t, { 'letters.txt': 'abcdefghijklmnopqrstuvwxyz\n'.repeat(2) });
    const sizes = ['--n-embd', width, '--block-size', block, '--num-steps', '0', '--num-samples', '0'];
    const { code, stderr } = await run(t, ['--data', 'letters.txt', ...sizes], { cwd }); // tries a full block
    assert.equal(code, 0, stderr);
  });
}
