// The exercises of README.md, each with a solution as changes to micro_gpt.ts. Its check fails on the file as it is,
// and passes on the solution. If you are stuck, look at `changes`: what is found in the file, and what takes its place.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as original from '../micro_gpt.ts';
import { defaults, numbersOf, path, temporaryFolder } from './helpers.ts';

type Gpt = typeof import('../micro_gpt.ts');
type Exercise = { name: string; changes: [from: string, to: string][]; check: (gpt: Gpt) => void };

const train = (gpt: Gpt, numSteps: number, learningRate = 0.01, stopAfter = numSteps): number[] => {
  const random = new gpt.Random(42);
  const documents = random.shuffle([...gpt.builtInNames]);
  const tokenizer = gpt.createTokenizer(documents);
  const model = gpt.createModel({ ...defaults, numSteps, learningRate }, tokenizer.vocabSize, () => random.gauss(0, 0.08));
  const losses: number[] = [];
  for (const loss of gpt.train(model, tokenizer, documents)) {
    losses.push(loss);
    if (losses.length === stopAfter) break;
  }
  return losses;
};
const learns = (gpt: Gpt): void => {
  const losses = train(gpt, 200);
  const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
  assert.ok(mean(losses.slice(-50)) < mean(losses.slice(0, 50)) - 0.2, 'the loss falls');
};
const count = (gpt: Gpt): number => gpt.parameters(gpt.createModel(defaults, 27, () => 0)).length;
type Extended = original.Value & Record<'tanh' | 'gelu', () => original.Value>;
const rounded = (x: number) => Number(x.toFixed(4));

const exercises: Exercise[] = [
  {
    name: 'two layers',
    changes: [['  nLayer: [1,', '  nLayer: [2,']],
    check: (gpt) => {
      const { config } = gpt.parseCommandLine([]);
      assert.equal(gpt.parameters(gpt.createModel(config, 27, () => 0)).length, 7264);
    },
  },
  {
    name: 'pairs of characters',
    changes: [
      ["  const characters = [...new Set(documents.join(''))];", `  const pairs = new Map<string, number>();
  for (const document of documents) {
    const letters = [...document];
    for (let i = 1; i < letters.length; i++) {
      const pair = letters[i - 1] + letters[i];
      pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
    }
  }
  const [pair] = [...pairs].sort(([, m], [, n]) => n - m)[0];
  const characters = [...new Set(documents.join('')), pair];`],
      ['Array.from(text, tokenOf)', `text.split(pair)
    .flatMap((part, i) => (i > 0 ? [pair, ...part] : [...part])).map(tokenOf)`],
    ],
    check: (gpt) => {
      const tokenizer = gpt.createTokenizer(['banana', 'bandana']);
      assert.equal(tokenizer.encode('banana').length, 6);
      const parts = tokenizer.encode('bandana').map((token) => tokenizer.characters[token] ?? '');
      assert.equal(parts.join(''), 'bandana');
      learns(gpt);
    },
  },
  {
    name: 'tanh',
    changes: [['  relu()          {', `  tanh() { return new Value(Math.tanh(this.data), this, 1 - Math.tanh(this.data) ** 2); }
  relu()          {`]],
    check: (gpt) => {
      const x = new gpt.Value(0.5) as Extended;
      x.tanh().backward();
      assert.equal(rounded(x.grad), 0.7864);
    },
  },
  {
    name: 'GeLU',
    changes: [
      ['  relu()          {', `  gelu() { return this.div(this.mul(-1.702).exp().add(1)); }
  relu()          {`],
      ['linear(layer.fc1, x).map((h) => h.relu())', 'linear(layer.fc1, x).map((h) => h.gelu())'],
    ],
    check: (gpt) => {
      const x = new gpt.Value(1) as Extended;
      const y = x.gelu();
      y.backward();
      assert.deepEqual([y.data, x.grad].map(rounded), [0.8458, 1.0678]);
      learns(gpt);
    },
  },
  {
    name: 'tied embeddings',
    changes: [
      ['    lmHead: matrix(vocabSize, nEmbd), ', '    '],
      ['({ wte, wpe, lmHead, layers }', '({ wte, wpe, layers }'], ['[wte, wpe, lmHead, ...', '[wte, wpe, ...'],
      ['linear(model.lmHead, x)', 'linear(model.wte, x)'],
    ],
    check: (gpt) => {
      assert.equal(count(gpt), 3760);
      learns(gpt);
    },
  },
  {
    name: 'weight decay',
    changes: [['      p.data -= learningRate * (m[i]', '      p.data -= learningRate * 0.1 * p.data;\n      p.data -= learningRate * (m[i]']],
    check: (gpt) => {
      const p = new gpt.Value(1);
      gpt.adam([p])(0.1);
      assert.equal(rounded(p.data), 0.99);
    },
  },
  {
    name: 'a second document',
    changes: [
      ['    const tokens = tokenizer.encode(documents[step % documents.length]);', `    const batch = [2 * step, 2 * step + 1].map((i) =>
      tokenizer.encode(documents[i % documents.length]));`],
      ['const loss = lossOf(model, tokens);', 'const loss = sum(batch.map((tokens) => lossOf(model, tokens))).div(2);'],
    ],
    check: (gpt) => {
      const [first, second] = train(original, 2, 0);
      assert.equal(rounded(train(gpt, 1, 0)[0]), rounded((first + second) / 2));
    },
  },
  {
    name: 'warm-up',
    changes: [['nudge(learningRate * (1 - step / numSteps));', 'nudge(learningRate * Math.min((step + 1) / 100, 1 - step / numSteps));']],
    check: (gpt) => {
      const [, moved] = train(gpt, 1000, 0.01, 2), [, unmoved] = train(gpt, 1000, 0, 2);
      assert.ok(Math.abs(moved - unmoved) < 0.005, `${moved} is nearly ${unmoved}`);
      learns(gpt);
    },
  },
  {
    name: 'top-k sampling',
    changes: [['choose(probabilities, random.random())', `choose(probabilities.map((p) =>
        (probabilities.filter((q) => q > p).length < 1 ? p : 0)), random.random())`]], // k is 1 here
    check: (gpt) => {
      const tokenizer = gpt.createTokenizer([...'abcdefgh']);
      const weights = new gpt.Random(2), random = new gpt.Random(1);
      const model = gpt.createModel(defaults, 9, () => weights.gauss(0, 0.5));
      const samples = Array.from({ length: 20 }, () => gpt.sample(model, tokenizer, random));
      assert.equal(new Set(samples).size, 1);
    },
  },
  {
    name: 'rotary positions',
    changes: [
      ['    wpe: matrix(blockSize, nEmbd), ', '    '],
      ['({ wte, wpe, lmHead, layers }', '({ wte, lmHead, layers }'], ['[wte, wpe, lmHead, ...', '[wte, lmHead, ...'],
      ['rmsnorm(add(model.wte[token], model.wpe[position]))', 'rmsnorm(model.wte[token])'],
      ['  const headDim = x.length / heads.length; // 16 / 4\n', `  const headDim = x.length / heads.length;
  const position = heads[0].keys.length;
  const rotate = (v: Vector): Vector => v.map((vi, i) => { // each two numbers are turned together
    const angle = position / 10000 ** ((i - (i % 2)) / headDim);
    const other = i % 2 === 0 ? v[i + 1].mul(-Math.sin(angle)) : v[i - 1].mul(Math.sin(angle));
    return vi.mul(Math.cos(angle)).add(other);
  });
`],
      ['key.slice(start, end)', 'rotate(key.slice(start, end))'],
      ['query.slice(start, end)', 'rotate(query.slice(start, end))'],
    ],
    check: (gpt) => {
      assert.equal(count(gpt), 3936);
      const random = new gpt.Random(1);
      const model = gpt.createModel(defaults, 4, () => random.gauss(0, 0.5));
      const last = (...tokens: number[]) => { // what comes after these
        const caches = gpt.emptyCaches(model);
        return tokens.map((token, i) => numbersOf(gpt.gpt(model, token, i, caches))).at(-1);
      };
      assert.notDeepEqual(last(3, 0, 1, 2), last(3, 1, 0, 2)); // their order matters still
      learns(gpt);
    },
  },
];

describe('The check of an exercise fails on the file as it is, and passes on the solution:', () => {
  const source = readFileSync(path('../micro_gpt.ts'), 'utf8');
  for (const [i, { name, changes, check }] of exercises.entries()) {
    test(`${i + 1}, ${name}`, async (t) => {
      const solved = changes.reduce((text, [from, to]) => {
        assert.equal(text.split(from).length, 2, `"${from}" is in the file, once`);
        return text.replace(from, () => to);
      }, source);
      const file = `${await temporaryFolder(t)}/solution.ts`;
      writeFileSync(file, solved);
      check(await import(`${pathToFileURL(file)}`));
      assert.throws(() => check(original));
    });
  }
});
