// What lets a learner look inside: holdOut, evaluate and explainWord.

import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { costsOf, createModel, createTokenizer, emptyCaches, evaluate, explainWord, gpt } from '../micro_gpt.ts';
import { holdOut, InputError, lossOf, softmax, tidy, train, Value, type Config, type Model } from '../micro_gpt.ts';
import { defaults, numbersOf, randomModel, smallTape } from './helpers.ts';

/** A model that knows nothing: every token is as likely, and every position looks at all before it alike. */
const evenModel = (vocabSize: number, settings: Partial<Config> = {}): Model =>
  createModel({ ...defaults, nEmbd: 1, nHead: 1, ...settings }, vocabSize, () => 0);
const abc = createTokenizer(['abc']);
const mean = (numbers: number[]): number => numbers.reduce((a, b) => a + b) / numbers.length;

test('holdOut keeps out the last different documents, and leaves none of them in training', () => {
  const documents = ['ann', 'bob', 'ann', 'eve', 'bob', 'eve', 'kim', 'ann'];
  assert.deepEqual(holdOut(documents, 2), { training: ['ann', 'bob', 'ann', 'bob', 'ann'], heldOut: ['eve', 'kim'] });
  assert.deepEqual(holdOut(documents, 3), { training: ['ann', 'ann', 'ann'], heldOut: ['bob', 'eve', 'kim'] });
  assert.deepEqual(holdOut(documents, 0), { training: documents, heldOut: [] });
});

test('holdOut refuses to leave nothing to train on, and counts the different documents', () => {
  for (const count of [2, 1000]) {
    const call = () => holdOut(['ann', 'bob', 'ann'], count);
    assert.throws(call, InputError, `--eval ${count}`);
    assert.throws(call, new RegExp(`--eval ${count}\\D+2\\D+$`));
  }
});

describe('The evaluation', () => {
  /** All numbers of a report: of the documents, and a loss and a number of choices for each way to guess. */
  const numbersIn = (report: string) => report.match(/\d+(\.\d+)?/g);
  const expected = (count: number, losses: number[]) =>
    [`${count}`, ...losses.flatMap((loss) => [loss.toFixed(4), Math.exp(loss).toFixed(1)])];

  test('has the mean cost of all characters, which are as many as fit into a block', () => {
    const model = randomModel(3, { blockSize: 3 }), tokenizer = createTokenizer(['ab']);
    const costs = ['a', 'bab', 'babbbb'].flatMap((name) => numbersOf(costsOf(model, tokenizer.encode(name))));
    assert.equal(costs.length, 2 + 3 + 3);
    const report = evaluate(model, tokenizer, [], ['a', 'bab', 'babbbb']);
    assert.deepEqual(numbersIn(report), expected(3, [mean(costs), Math.log(3), Math.log(3)]));
  });

  // A pair that came n times, of m that began like it, costs the bigram table -log((n + 1) / (m + vocabulary)).
  const { log } = Math, cost = (n: number, m: number, vocabulary: number) => -log((n + 1) / (m + vocabulary));
  const many = String.fromCodePoint(...Array.from({ length: 20_000 }, (_, i) => 0x4e00 + i));
  const tables: [what: string, characters: string, trained: string[], heldOut: string[], costs: number[]][] = [
    ['has one more of each pair', 'ab', ['ab', 'ab'], ['ab', 'b'],
      [cost(2, 2, 3), cost(2, 2, 3), cost(2, 2, 3), cost(0, 2, 3), cost(2, 2, 3)]],
    ['sees of long documents what fits the block', 'ab', ['a'.repeat(16) + 'b'], ['a'.repeat(16) + 'b'],
      [cost(1, 1, 3), ...Array<number>(15).fill(cost(15, 15, 3))]],
    ['takes 1, 12 for no other pair than 11, 2', 'abcdefghijklm', ['bm'], ['lc'], [cost(0, 1, 14), log(14), log(14)]],
    ['has room for 20,000 characters', many, ['一丁'], ['一丁'], Array<number>(3).fill(cost(1, 1, 20_001))],
  ];
  for (const [what, characters, trained, heldOut, costs] of tables) {
    test(`has a bigram table that ${what}`, () => {
      const tokenizer = createTokenizer([characters]), guessing = Math.log(tokenizer.vocabSize);
      const report = evaluate(evenModel(tokenizer.vocabSize), tokenizer, trained, heldOut);
      assert.deepEqual(numbersIn(report), expected(heldOut.length, [guessing, guessing, mean(costs)]));
    });
  }

  test('encodes four times as many documents at most four times as often', () => {
    const callsFor = (n: number) => {
      const encode = mock.fn(abc.encode);
      evaluate(evenModel(4), { ...abc, encode }, Array<string>(n).fill('ab'), Array<string>(n).fill('b'));
      return encode.mock.callCount();
    };
    assert.ok(callsFor(20) <= 4 * callsFor(5), `${callsFor(20)} should be at most 4 * ${callsFor(5)}`);
  });

  test('needs no more of the tape for many documents than for one', async () => {
    const small = await smallTape(5000); // has 1600 slots, of which a name of 1 letter needs 30 or so
    const model = small.createModel(evenModel(3).config, 3, () => 0);
    const report = small.evaluate(model, small.createTokenizer(['ab']), [], Array<string>(200).fill('a'));
    assert.deepEqual(numbersIn(report), expected(200, [Math.log(3), Math.log(3), Math.log(3)]));
  });
});

test('evaluate and explainWord refuse a loss that is not finite, and leave nothing on the tape', () => {
  const broken = createModel(defaults, 4, () => NaN);
  const tooSure = randomModel(4); // gives to what comes a probability that is rounded to 0
  for (const weight of tooSure.lmHead.flat()) weight.data *= 1e6;
  const nextSlot = () => tidy(() => new Value(0).slot), before = nextSlot();
  for (const [what, model] of Object.entries({ broken, tooSure })) {
    assert.throws(() => evaluate(model, abc, ['ab'], ['cab', 'b']), InputError, what);
    assert.throws(() => explainWord(model, abc, 'cab'), InputError, what);
    assert.equal(nextSlot(), before, what);
  }
});

describe('An explanation', () => {
  /** Its tables, as rows of cells: similar tokens, a map for each layer, and the guesses. Maps have a title. */
  function explain(model: Model, characters: string, word: string) {
    const text = explainWord(model, createTokenizer([characters]), word);
    const [start, ...tables] = text.trim().split('\n\n').map((part) => part.split('\n'));
    const rows = (table: string[], heading: number) => table.slice(heading).map((line) => line.split('\t'));
    const maps = tables.slice(1, -2).map((map) => ({ title: map[0], heads: map[1], rows: rows(map, 2) }));
    const [guesses, losses] = tables.slice(-2);
    return { tokens: start[1], similar: rows(tables[0], 1), maps, guesses: rows(guesses, 1), losses: losses.join() };
  }

  test('shows for each position what comes, its chance and cost, and the likeliest five', () => {
    const model = randomModel(8), tokens = createTokenizer(['abcdefg']).encode('bad'), caches = emptyCaches(model);
    const expected = tokens.slice(0, -1).map((token, i) => {
      const p = numbersOf(softmax(gpt(model, token, i, caches))), next = tokens[i + 1];
      const percent = (token: number) => `${Math.round(100 * p[token])}%`;
      const likeliest = [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, 5);
      return ['.bad'[i], 'bad.'[i], percent(next), (-Math.log(p[next])).toFixed(2),
        ...likeliest.map((token) => `${'abcdefg.'[token]} ${percent(token)}`)];
    });
    assert.deepEqual(explain(model, 'abcdefg', 'bad').guesses, expected);
  });

  test('shows the tokens of the word, and for each letter the five that are most similar', () => {
    const model = evenModel(8, { nEmbd: 2 });
    const angles = [0, 0.5, 3, 0.1, 2, 0.3, 1, 1.5]; // of a to g, and of BOS
    for (const [i, [x, y]] of model.wte.entries()) {
      x.data = (i + 1) * Math.cos(angles[i]); // longer for later ones, which must not matter
      y.data = (i + 1) * Math.sin(angles[i]);
    }
    const { tokens, similar } = explain(model, 'abcdefg', 'acca');
    assert.deepEqual(tokens.match(/\d+/g), ['7', '0', '2', '2', '0', '7']);
    assert.deepEqual(similar, [['a', 'd f b g .'], ['c', 'e . g b f']]);
  });

  test('has a map for each head of each layer, and numbers them', () => {
    const word = 'cabbacabba', model = randomModel(4, { nLayer: 2 }), caches = emptyCaches(model);
    abc.encode(word).slice(0, -1).forEach((token, i) => gpt(model, token, i, caches));
    const { maps } = explain(model, 'abc', word);
    assert.deepEqual(maps.map(({ title }) => /\d+/.exec(title)?.[0]), ['1', '2']);
    for (const [layer, { heads, rows }] of maps.entries()) {
      assert.deepEqual(heads.match(/\d+/g), ['1', '2', '3', '4']);
      const expected = Array.from(`.${word}`, (_, i) => caches[layer].map(({ shares }) =>
        numbersOf(shares[i]).map((share) => '·░▒▓█'[Math.round(4 * Math.sqrt(share))]).join('')));
      assert.deepEqual(rows.map(([, cells]) => cells.split(/ +/)), expected, `layer ${layer + 1}`);
    }
  });

  test('puts each map below the number of its head, even if the word is long', () => {
    const { heads, rows } = explain(evenModel(2, { nEmbd: 12, nHead: 12 }), 'a', 'aaaaaaaaaaaaaaaa').maps[0];
    const startsOf = (cells: string, cell: RegExp) => Array.from(cells.matchAll(cell), ({ index }) => index);
    const starts = startsOf(heads.trimStart(), /(?<!\S)\S+ \d+(?!\S)/g); // numbered, and apart
    assert.equal(starts.length, 12);
    for (const [, cells] of rows) assert.deepEqual(startsOf(cells, /\S+/g), starts, cells);
  });

  test('ends with the loss, and the smaller one after a step of training, even if none were asked for', () => {
    const twin = randomModel(4), loss = () => tidy(() => lossOf(twin, abc.encode('cab')).data), before = loss();
    train({ ...twin, config: { ...twin.config, numSteps: 1 } }, abc, ['cab']).next();
    const { losses } = explain(randomModel(4, { numSteps: 0 }), 'abc', 'cab');
    assert.deepEqual(losses.match(/\d+\.\d+/g), [before.toFixed(2), loss().toFixed(2)]);
    assert.ok(loss() < before, `${loss()} should be less than ${before}`);
  });

  const blanks = [...'\t \u00a0\u202f\u3000', ...Array.from({ length: 11 }, (_, i) => String.fromCharCode(0x2000 + i))];
  test('shows each character as it is, but blanks as ␣, and BOS as a dot', () => {
    for (const character of [...blanks, ...'aé#1☺😀李\uac00！𠀀.|']) {
      const shown = blanks.includes(character) ? '␣' : character;
      const { similar, maps, guesses } = explain(evenModel(2), character, character);
      const code = `U+${character.codePointAt(0)?.toString(16)}`;
      assert.deepEqual(guesses.map(([sees, next]) => [sees, next]), [['.', shown], [shown, '.']], code);
      assert.deepEqual(guesses[0].slice(4), [`${shown} 50%`, '. 50%'], code);
      assert.deepEqual(maps[0].rows.map(([label]) => label), ['.', shown], code);
      assert.deepEqual(similar, [[shown, '.']], code);
    }
  });

  test('has a row for each letter and for each guess, even of an empty word, or of one that fills the block', () => {
    const model = evenModel(3, { blockSize: 4 });
    for (const [word, truths, letters] of [['', '.', ''], ['aaab', 'aaab', 'ab']]) {
      const { guesses, similar } = explain(model, 'ab', word);
      assert.deepEqual(guesses.map((row) => row[1]), [...truths], `for "${word}"`);
      assert.deepEqual(similar.map(([letter]) => letter), [...letters], `for "${word}"`);
    }
  });
});
