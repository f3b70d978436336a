// What lets a learner look inside: holdOut, evaluate and explainWord.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  createModel, createTokenizer, emptyCaches, evaluate, explainWord, gpt, holdOut, InputError, lossOf, softmax,
  tidy, train, Value,
} from '../micro_gpt.ts';
import type { Config, Model, Tokenizer } from '../micro_gpt.ts';
import { assertClose, defaults, numbersOf, randomModel } from './helpers.ts';

/** A model that knows nothing: every token is as likely, and every position looks at all before it alike. */
const evenModel = (vocabSize: number, settings: Partial<Config> = {}): Model =>
  createModel({ ...defaults, ...settings }, vocabSize, () => 0);
/** The numbers of an evaluation: how many documents, and the losses of the model, evenly and of the table. */
const evaluation = (...args: Parameters<typeof evaluate>): number[] =>
  Array.from(evaluate(...args).matchAll(/\d+\.\d{4}|\d+(?= docs)/g), ([number]) => Number(number));
/** An explanation: all lines, the cells of the guesses, those of the maps by layer, and what is alike. */
function explain(model: Model, tokenizer: Tokenizer, word: string, columns?: number) {
  const text = explainWord(model, tokenizer, word, columns);
  const parts = text.split('\n\n').map((part) => part.trim().split('\n').map((line) => line.split('\t')));
  const alike = parts[1].slice(1), maps = parts.slice(2, -2).map((map) => map.slice(2));
  return { text, lines: text.split('\n'), alike, maps, guesses: parts.at(-2)!.slice(1) };
}
const rounded = 1e-4; // as evaluate() tells four decimals

const documents = ['ann', 'bob', 'ann', 'eve', 'bob', 'eve', 'kim', 'ann'];

test('what is held out are the last different documents, and none of them is left in training', () => {
  const training = ['ann', 'bob', 'ann', 'bob', 'ann'];
  assert.deepEqual(holdOut(documents, 2), { training, heldOut: ['eve', 'kim'] });
  const anns = ['ann', 'ann', 'ann'];
  assert.deepEqual(holdOut(documents, 3), { training: anns, heldOut: ['bob', 'eve', 'kim'] });
  assert.deepEqual(holdOut(documents, 0), { training: documents, heldOut: [] });
});

test('to leave nothing to train on is an error, which counts the different documents', () => {
  for (const count of [4, 1000]) {
    assert.throws(() => holdOut(documents, count), (error) => {
      assert.ok(error instanceof InputError && error.message.includes('--eval'), `${error}`);
      assert.deepEqual(error.message.match(/\d+/g), [`${count}`, '4']);
      return true;
    });
  }
});

test('the evaluation tells the number of documents, and the loss of the model and of guessing', () => {
  const tokenizer = createTokenizer(['abcd']);
  const model = randomModel(5);
  const heldOut = ['dab', 'bad', 'add'];
  const losses = heldOut.map((document) => lossOf(model, tokenizer.encode(document)).data);
  const told = evaluation(model, tokenizer, [], heldOut).slice(0, 3);
  assertClose(told, [3, (losses[0] + losses[1] + losses[2]) / 3, Math.log(5)], rounded);
});

// A pair that came n times, of m that began like it, costs the table -log((n + 1) / (m + vocabulary)).
const log = Math.log;
const tables: [what: string, characters: string, blockSize: number, trained: string[], heldOut: string[],
  loss: number][] = [
  ['has one more of each pair', 'ab', 16, ['ab', 'ab'], ['ab', 'b'], -(4 * log(3 / 5) + log(1 / 5)) / 5],
  ['guesses evenly if nothing was trained on', 'ab', 16, [], ['ab'], log(3)],
  ['sees of long documents what fits the block', 'ab', 2, ['abaaa', 'abb'], ['abbb'], -log(3 / 5)],
  ['takes no pair for a token of two digits', 'abcdefghijklm', 16, ['bc'], ['m'], (log(15) + log(14)) / 2],
];
for (const [what, characters, blockSize, trained, heldOut, loss] of tables) {
  test(`the bigram table ${what}`, () => {
    const tokenizer = createTokenizer([characters]);
    const model = evenModel(tokenizer.vocabSize, { blockSize });
    assertClose(evaluation(model, tokenizer, trained, heldOut)[3], loss, rounded);
  });
}

test('the evaluation counts characters and not documents, and of long ones what fits the block', () => {
  const model = randomModel(3, { blockSize: 3 });
  const lossOn = (...documents: string[]) => evaluation(model, createTokenizer(['ab']), [], documents)[1];
  const [short, long] = [lossOn('a'), lossOn('bab')];
  assert.ok(Math.abs(short - long) > 0.1, 'the mean over documents would be another');
  assertClose(lossOn('a', 'bab'), (2 * short + 3 * long) / 5, 2 * rounded);
  assert.equal(lossOn('babbbb'), long);
});

test('20,000 different characters are not too many for the bigram table', () => {
  const characters = String.fromCodePoint(...Array.from({ length: 20_000 }, (_, i) => 0x4e00 + i));
  const tokenizer = createTokenizer([characters]);
  const model = evenModel(tokenizer.vocabSize, { nEmbd: 1, nHead: 1 });
  const losses = evaluation(model, tokenizer, ['一丁'], ['一丁']).slice(1);
  assertClose(losses, [Math.log(20_001), Math.log(20_001), Math.log(20_002 / 2)], rounded);
});

const nextSlot = () => tidy(() => new Value(0).slot);
const tokenizer = createTokenizer(['abc']);
for (const [name, call] of [
  ['evaluate', (model: Model) => evaluate(model, tokenizer, ['ab'], ['cab', 'b'])],
  ['explainWord', (model: Model) => explainWord(model, tokenizer, 'cab')],
] as const) {
  test(`${name} throws an InputError for a loss that is not finite, and leaves nothing on the tape`, () => {
    const broken = createModel(defaults, 4, () => NaN);
    const tooSure = randomModel(4); // gives to what comes a probability that is rounded to 0
    for (const weight of tooSure.lmHead.flat()) weight.data *= 1e6;
    const slot = nextSlot();
    for (const model of [broken, tooSure]) {
      assert.throws(() => call(model), (error) => error instanceof InputError && error.exitCode === 1);
      assert.equal(nextSlot(), slot);
    }
  });
}

describe('An explanation', () => {
  test('shows for each position the truth, its probability and cost, and the likeliest five', () => {
    const tokenizer = createTokenizer(['abcdefg']);
    const model = randomModel(8, { nLayer: 2 });
    const { guesses } = explain(model, tokenizer, 'bad');
    const tokens = tokenizer.encode('bad');
    const twin = randomModel(8, { nLayer: 2 }); // as explaining trains the model
    const caches = emptyCaches(twin);
    assert.equal(guesses.length, 4);
    for (const [i, row] of guesses.entries()) {
      const p = numbersOf(softmax(gpt(twin, tokens[i], i, caches)));
      const percent = (token: number) => `${Math.round(100 * p[token])}%`;
      const likeliest = [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, 5);
      assert.deepEqual(row, ['.bad'[i], 'bad.'[i], percent(tokens[i + 1]), (-Math.log(p[tokens[i + 1]])).toFixed(2),
        ...likeliest.map((token) => `${'abcdefg.'[token]} ${percent(token)}`)]);
    }
  });

  test('shows the tokens of the word, and for each letter the five that are most alike', () => {
    const tokenizer = createTokenizer(['abcdefg']);
    const model = evenModel(8, { nEmbd: 2, nHead: 1 });
    const angles = [0, 0.5, 3, 0.1, 2, 0.3, 1, 1.5]; // of a to g, and of BOS
    model.wte.forEach(([x, y], i) => {
      x.data = (i + 1) * Math.cos(angles[i]); // longer for later ones, which must not matter
      y.data = (i + 1) * Math.sin(angles[i]);
    });
    const { alike, lines } = explain(model, tokenizer, 'acca');
    assert.deepEqual(alike, [['a', 'd f b g .'], ['c', 'e . g b f']]);
    assert.ok(lines.includes('tokens: 7 0 2 2 0 7'), lines.join('\n'));
  });

  test('shades the map of each head by its weights, darkest for 1', () => {
    const even = explain(evenModel(2, { nEmbd: 1, nHead: 1 }), createTokenizer(['a']), 'a'.repeat(7));
    const shades = ['█', '▓▓', '▒▒▒', ...[4, 5, 6, 7].map((n) => '▒'.repeat(n)), '░'.repeat(8)];
    assert.deepEqual(even.maps, [shades.map((row, i) => [i === 0 ? '.' : 'a', row])]); // n have 1 / n each

    const tokenizer = createTokenizer(['abc']);
    const { maps } = explain(randomModel(4, { nLayer: 2 }), tokenizer, 'cab');
    const caches = emptyCaches(randomModel(4, { nLayer: 2 }));
    const twin = randomModel(4, { nLayer: 2 });
    tokenizer.encode('cab').slice(0, -1).forEach((token, i) => gpt(twin, token, i, caches));
    assert.deepEqual(maps, caches.map((heads) => [0, 1, 2, 3].map((position) => {
      const row = heads.map(({ weights }) => numbersOf(weights[position])
        .map((weight) => '·░▒▓█'[Math.round(4 * Math.sqrt(weight))]).join('').padEnd(8)).join('');
      return ['.cab'[position], row.trimEnd()];
    })));
  });

  test('ends with the loss, and the smaller loss after one more step on this word alone', () => {
    const tokenizer = createTokenizer(['abc']);
    const twin = randomModel(4);
    const expected = [0, 1].map(() => {
      const loss = tidy(() => lossOf(twin, tokenizer.encode('cab')).data);
      train({ ...twin, config: { ...twin.config, numSteps: 1 } }, tokenizer, ['cab']).next();
      return loss.toFixed(2);
    });
    assert.deepEqual(explain(randomModel(4), tokenizer, 'cab').lines.at(-1)?.match(/\d+\.\d+/g), expected);
    assert.ok(Number(expected[1]) < Number(expected[0]));
  });

  /** That each character is shown like this wherever it stands. */
  function assertShown(shown: [character: string, label: string][], end = '.'): void {
    const word = shown.map(([character]) => character).join('');
    const model = evenModel(shown.length + 1, { nEmbd: 1, nHead: 1, blockSize: 99 });
    const { guesses, maps, alike } = explain(model, createTokenizer([word]), word);
    const labels = shown.map(([, label]) => label);
    assert.deepEqual(guesses.map(([seen]) => seen), [end, ...labels]);
    assert.deepEqual(guesses.map(([, next]) => next), [...labels, end]);
    assert.deepEqual(maps[0].map(([label]) => label), [end, ...labels]);
    assert.deepEqual(alike.map(([label]) => label), labels);
  }

  test('shows wide and narrow characters as they are, and tabs keep their columns apart', () => {
    assertShown([...'aé#1☺⌚😀\u1100李\uac00！𠀀'].map((c): [string, string] => [c, c]));
  });

  test('puts what joins the character before it on a circle, and tells the code of what has no shape', () => {
    assertShown([['e', 'e'], ['\u0301', '◌\u0301'], ['\u20dd', '◌\u20dd'], ['\u3099', '◌\u3099'],
      ['\u1161', '◌\u1161'], ['\u11ab', '◌\u11ab'], ['\ud7b0', '◌\ud7b0'],
      ['\t', '09'], [' ', '␣'], ['\x1b', '1b'], ['\u200d', '200d'], ['\ue000', 'e000']]);
  });

  test('takes a sign for BOS that the dataset does not have', () => {
    assertShown([['.', '.'], ['a', 'a']], '|');
    assertShown([['.', '.'], ['|', '|']], '$');
    assertShown([...'.|$'].map((c): [string, string] => [c, c]), 'BOS');
  });

  test('is no wider than the terminal, and shows less on a narrow one', () => {
    const tokenizer = createTokenizer(['abé李😀']);
    for (const [columns, across, likeliest] of [[undefined, 4, 5], [80, 4, 5], [60, 3, 3], [40, 2, 1], [31, 1, 1]] as const) {
      const { lines, guesses } = explain(evenModel(6, { nEmbd: 4, blockSize: 39 }), tokenizer, 'ab😀abé😀abba', columns);
      assert.deepEqual(new Set(guesses.map(({ length }) => length)), new Set([4 + likeliest]));
      const titles = lines.filter((line) => line.startsWith('\t'));
      assert.equal(titles[0].match(/head/g)?.length, across, `maps side by side in ${columns} columns`);
      if (columns !== undefined && columns >= 40) {
        const table = lines.filter((line) => line.includes('\t') && !line.startsWith('sees'));
        const widest = Math.max(...table.map((line) => line.split('\t').slice(0, -1)
          .reduce((at, cell) => (Math.floor((at + cell.length) / 8) + 1) * 8, 0) + line.split('\t').at(-1)!.length));
        assert.ok(widest <= columns, `${widest} of ${columns} columns`);
      }
    }
  });

  test('keeps the numbers of more than a hundred heads apart', () => {
    const { lines } = explain(evenModel(2, { nEmbd: 102, nHead: 102 }), createTokenizer(['a']), 'a', 1000);
    const titles = lines.find((line) => line.startsWith('\t'))!.trim().split(/\s+/);
    assert.deepEqual(titles, Array.from({ length: 102 }, (_, i) => ['head', `${i + 1}`]).flat());
  });

  test('shows the maps of all layers under their numbers', () => {
    const { lines } = explain(evenModel(2, { nLayer: 3 }), createTokenizer(['a']), 'a');
    assert.deepEqual(lines.flatMap((line) => line.match(/(?<=where layer )\d+/) ?? []), ['1', '2', '3']);
  });

  test('takes its one step of training even if the model was not trained at all', () => {
    const of = (numSteps: number) =>
      explain(randomModel(4, { numSteps }), createTokenizer(['abc']), 'cab').lines.at(-1);
    assert.equal(of(0), of(1000));
  });

  test('has a map for each head of each layer', () => {
    const { lines } = explain(evenModel(2, { nEmbd: 10, nHead: 10, nLayer: 100 }), createTokenizer(['a']), 'a');
    const titles = lines.filter((line) => line.startsWith('\t')).flatMap((line) => line.match(/head \d+/g) ?? []);
    assert.equal(titles.length, 1000);
    assert.equal(titles.at(-1), 'head 10');
  });

  test('of an empty word shows what names begin with', () => {
    const { guesses, lines } = explain(evenModel(3), createTokenizer(['ab']), '');
    assert.deepEqual(guesses.map((row) => row.slice(0, 3)), [['.', '.', '33%']]);
    assert.ok(lines.includes('tokens: 2 2'));
  });

  test('never prints a control character of the word', () => {
    assert.doesNotMatch(explainWord(randomModel(3), createTokenizer(['a\x1b']), 'a\x1b'), /\x1b/);
  });
});
