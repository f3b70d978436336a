import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTokenizer, InputError } from '../micro_gpt.ts';

test('Every character of the text gets one token, and BOS the last', () => {
  const tokenizer = createTokenizer(['emma', 'olivia']);
  assert.deepEqual(tokenizer.characters, ['a', 'e', 'i', 'l', 'm', 'o', 'v']);
  assert.equal(tokenizer.bos, 7);
  assert.equal(tokenizer.vocabSize, 8);
  assert.deepEqual(tokenizer.encode('evil'), [7, 1, 6, 2, 3, 7]);
});

test('Tokens are in the order of code points, not of UTF-16 units', () => {
  // By UTF-16 units, U+1D49C would come before U+FB01, as it begins with the unit U+D835.
  const { characters } = createTokenizer(['\u{1D49C}\uFB01', '\u{1F600}zaé']);
  assert.deepEqual(characters, ['a', 'z', 'é', '\uFB01', '\u{1D49C}', '\u{1F600}']);
});

test('A document comes back from its tokens, one for each code point', () => {
  const documents: [document: string, codePoints: number][] = [
    ['emma', 4],
    ['mary ann', 8],
    ["o'neil", 6],
    ['😀😎', 2],
    ['👩‍👧', 3], // two people and the joiner between them
    ['Zoe\u0301', 4], // the combining mark is a character, which this does not put together with its letter
    ['Zo\u00e9', 3],
    ['𝒜da', 3],
    ['李雷', 2],
    ['ab'.repeat(1000), 2000],
    ['', 0],
  ];
  const tokenizer = createTokenizer(documents.map(([document]) => document));
  for (const [document, codePoints] of documents) {
    const tokens = tokenizer.encode(document);
    assert.equal(tokens.length, codePoints + 2, document);
    assert.equal(tokens.at(0), tokenizer.bos);
    assert.equal(tokens.at(-1), tokenizer.bos);
    assert.equal(tokens.slice(1, -1).map((token) => tokenizer.characters[token]).join(''), document);
  }
});

test('A character that is not in the dataset is an error that names it and its code point, an emoji whole', () => {
  const documents = ['abcdefghijklmnopqrstuvwxyz', '😎']; // begins with the same UTF-16 unit as the emoji below
  const tokenizer = createTokenizer(documents);
  for (const [document, character, codePoint] of [
    ['anné', 'é', 'U+00E9'], ['Emma', 'E', 'U+0045'], ['a😀b', '😀', 'U+1F600'], ['zoe\u0301', '\u0301', 'U+0301'],
    ['\x1b', '\x1b', 'U+001B'],
  ]) {
    assert.throws(() => tokenizer.encode(document), (error) => error instanceof InputError
      && error.exitCode === 1 && error.message.includes(character) && error.message.includes(codePoint), document);
  }
});
