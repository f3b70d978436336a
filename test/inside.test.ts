// What lets a learner look inside: holdOut, evaluate and explainWord.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  createModel, createTokenizer, emptyCaches, evaluate, explainWord, gpt, holdOut, InputError, lossOf, softmax,
  tidy, value,
} from '../micro_gpt.ts';
import type { Config, Model, Tokenizer } from '../micro_gpt.ts';
import { assertClose, defaults, numbersOf, randomModel } from './helpers.ts';

/** A model that knows nothing: every token is as likely, and every position looks at all before it alike. */
const evenModel = (vocabSize: number, settings: Partial<Config> = {}): Model =>
  createModel({ ...defaults, ...settings }, vocabSize, () => 0);
/** The numbers of an evaluation: how many documents, and the losses of the model, evenly and of the table. */
const evaluation = (...args: Parameters<typeof evaluate>): number[] =>
  Array.from(evaluate(...args).matchAll(/\d+(\.\d+)?/g), ([number]) => Number(number));
/** An explanation: all lines, and the rows of the table. */
function explain(model: Model, tokenizer: Tokenizer, word: string) {
  const lines = explainWord(model, tokenizer, word).split('\n');
  return { lines, title: lines[1], rows: lines.filter((line) => line.includes('-> ')) };
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

const nextSlot = () => tidy(() => value(0).slot);
const tokenizer = createTokenizer(['abc']);
const both = [
  ['evaluate', (model: Model) => evaluate(model, tokenizer, ['ab'], ['cab', 'b'])],
  ['explainWord', (model: Model) => explainWord(model, tokenizer, 'cab')],
] as const;
for (const [name, call] of both) {
  test(`${name} leaves nothing on the tape`, () => {
    const model = randomModel(4);
    const slot = nextSlot();
    call(model);
    assert.equal(nextSlot(), slot);
  });

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
  test('shows for each position the truth, its probability and loss, and the likeliest five', () => {
    const tokenizer = createTokenizer(['abcdefg']);
    const model = randomModel(8, { nLayer: 2 });
    const { rows } = explain(model, tokenizer, 'bad');
    const caches = emptyCaches(model);
    const tokens = tokenizer.encode('bad');
    assert.equal(rows.length, 4);
    for (const [i, row] of rows.entries()) {
      const p = numbersOf(softmax(gpt(model, tokens[i], i, caches)));
      const truth = p[tokens[i + 1]];
      const [start, ...cells] = [row.slice(0, 18), ...(row.slice(18).match(/.{12}/gsu) ?? [])];
      assert.deepEqual(start.split(/ +/).slice(0, 5), ['.bad'[i], '->', 'bad.'[i],
        `${Math.round(100 * truth)}%`, (-Math.log(truth)).toFixed(2)]);
      const likeliest = [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, 5);
      assert.deepEqual(cells.map((cell) => cell[2]), likeliest.map((token) => 'abcdefg.'[token]));
      const percents = cells.map((cell) => Number(cell.slice(8, 11)));
      assert.deepEqual(percents, likeliest.map((token) => Math.round(100 * p[token])));
      const eighths = cells.map((cell) => [...cell.slice(4, 8)]
        .reduce((total, block) => total + ' ▏▎▍▌▋▊▉█'.indexOf(block), 0));
      assert.deepEqual(eighths, likeliest.map((token) => Math.round(32 * p[token])));
    }
  });

  test('shades the map of each head by its weights, darkest for 1', () => {
    const even = explain(evenModel(2, { nEmbd: 1, nHead: 1 }), createTokenizer(['a']), 'a'.repeat(7));
    assert.deepEqual(even.lines.slice(-8), // of n positions, each has a weight of 1 / n
      ['██', '▓▓▓▓', '▒▒▒▒▒▒', ...[4, 5, 6, 7].map((n) => '▒'.repeat(2 * n)), '░'.repeat(16)]
        .map((shades, i) => `${i === 0 ? '.' : 'a'} ${shades}`));

    const tokenizer = createTokenizer(['abc']);
    const model = randomModel(4, { nLayer: 2 });
    const { lines } = explain(model, tokenizer, 'cab');
    const caches = emptyCaches(model);
    tokenizer.encode('cab').slice(0, -1).forEach((token, i) => gpt(model, token, i, caches));
    for (const [layer, { weights }] of caches.entries()) {
      for (let head = 0; head < 4; head++) {
        const title = `layer ${layer + 1}, head ${head + 1}`;
        const top = lines.findIndex((line) => line.includes(title));
        const at = lines[top].indexOf(title);
        const shades = weights.map((heads) => numbersOf(heads[head])
          .map((weight) => ' ░▒▓█'[Math.round(4 * Math.sqrt(weight))].repeat(2)).join(''));
        assert.deepEqual(
          lines.slice(top + 1, top + 6).map((line) => line.slice(at, at + 12).trimEnd()),
          ['  . c a b', ...shades.map((row, i) => `${'.cab'[i]} ${row}`.trimEnd())], title);
      }
    }
  });

  /** That each character is shown like this in the table and in the map. */
  function assertShown(shown: [character: string, columns: string][]): void {
    const word = shown.map(([character]) => character).join('');
    const { lines, rows } = explain(evenModel(shown.length + 1, { nEmbd: 1, nHead: 1, blockSize: 99 }),
      createTokenizer([word]), word);
    const all = ['. ', ...shown.map(([, columns]) => columns), '. '];
    rows.forEach((row, i) => assert.ok(row.startsWith(`${all[i]}-> ${all[i + 1]} `), row));
    assert.equal(rows.length, all.length - 1);
    const map = lines.slice(-all.length);
    assert.equal(map[0], `  ${all.slice(0, -1).join('').trimEnd()}`);
    map.slice(1).forEach((row, i) => assert.ok(row.startsWith(all[i]), row));
  }

  test('gives a narrow character a blank, and a wide one none, as it takes two columns', () => {
    const wide = '⌚😀\u1100\u115f\u2e80李\ua4c6\uac00\ud7a3\uff01\uff60\u{20000}\u{3134a}'; // ends of ranges
    const narrow = 'aé#1☺\u10ff\u1160\u2e5d\ua4d0\uabf9\ud7b0\ufefc\uff61\u{1fb00}'; // and their neighbours
    assertShown([...[...wide].map((c): [string, string] => [c, c]),
      ...[...narrow].map((c): [string, string] => [c, `${c} `])]);
  });

  test('puts a combining mark on a circle, and a dot for what has no shape', () => {
    assertShown([['e', 'e '], ['\u0301', '◌\u0301 '], ['\u20dd', '◌\u20dd '], ['\u3099', '◌\u3099 '],
      ['\t', '· '], ['\x1b', '· '], ['\u200d', '· '], ['\ue000', '· ']]);
  });

  test('of up to 38 characters is at most 80 columns wide, with maps that are two blanks apart', () => {
    const columns = (line: string): number => [...line].reduce((n, c) => n + (/[李😀]/u.test(c) ? 2 : 1), 0);
    const tokenizer = createTokenizer(['abé李😀']);
    for (const [length, across] of [[0, 4], [1, 4], [8, 3], [17, 2], [18, 1], [38, 1]]) {
      const word = [...'李a😀éb'.repeat(8)].slice(0, length).join('');
      const { lines, rows } = explain(evenModel(6, { nEmbd: 4, blockSize: 39 }), tokenizer, word);
      assert.equal(rows.length, length + 1);
      assert.equal(new Set(rows.map(columns)).size, 1, 'rows of the table are equally wide');
      const widest = Math.max(...lines.slice(2).map(columns)); // without the title, where the word is in full
      assert.ok(widest <= 80, `${widest} columns for ${length} characters`);
      const titles = lines.filter((line) => line.startsWith('layer'));
      assert.equal(titles[0].match(/layer/g)?.length, across, `maps side by side for ${length} characters`);
      const last = lines[lines.indexOf(titles[0]) + length + 2]; // is shaded to the end of each map
      if (length >= 8) assert.equal(last.match(/(?<=\S) {2}(?=\S)/g)?.length ?? 0, across - 1, last);
    }
  });

  test('of many heads keeps their titles apart', () => {
    const { lines } = explain(evenModel(2, { nEmbd: 10, nHead: 10, nLayer: 100 }), createTokenizer(['a']), 'a');
    const titles = lines.filter((line) => line.startsWith('layer')).flatMap((line) => line.split(/ {2,}/));
    assert.equal(titles.length, 1000);
    assert.equal(titles.at(-1), 'layer 100, head 10');
  });

  test('of a word that is longer than the block tells and shows what fits', () => {
    const { title, rows } = explain(randomModel(4, { blockSize: 3 }), createTokenizer(['abc']), 'cabbage');
    assert.ok(title.includes('"cab"'), title);
    assert.doesNotMatch(explainWord(randomModel(3), createTokenizer(['a\x1b']), 'a\x1b'), /\x1b/);
    assert.deepEqual(rows.map((row) => row.slice(0, 6)), ['. -> c', 'c -> a', 'a -> b']);
  });
});
