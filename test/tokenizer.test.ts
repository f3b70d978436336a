import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTokenizer } from '../micro_gpt.ts';

test('tokens are in the order of code points, not of UTF-16 units, and BOS is the last', () => {
  // By UTF-16 units, U+1D49C would come before U+FB01, as it begins with the unit U+D835.
  const { characters, bos, vocabSize } = createTokenizer(['\u{1D49C}\uFB01a', 'a\u{1F600}zaé']);
  assert.deepEqual(characters, ['a', 'z', 'é', '\uFB01', '\u{1D49C}', '\u{1F600}']);
  assert.deepEqual({ bos, vocabSize }, { bos: 6, vocabSize: 7 });
});

test('a document comes back from its tokens, one for each code point, between two BOS', () => {
  const documents = [
    'emma', 'mary ann', "o'neil", '😀😎', '𝒜da', '李雷', '👩‍👧', // which is two people and a joiner
    'Zoe\u0301', 'Zo\u00e9', '', // a combining mark is a character of its own
  ];
  const { encode, characters, bos } = createTokenizer(documents);
  for (const document of documents) {
    const expected = ['bos', ...document, 'bos'];
    assert.deepEqual(encode(document).map((token) => (token === bos ? 'bos' : characters[token])), expected);
  }
});

test('a million documents, or one of a million characters, are not too many', () => {
  const names = createTokenizer(Array<string>(1e6).fill('ab')), poem = createTokenizer(['ab'.repeat(5e5)]);
  assert.deepEqual([names.vocabSize, poem.encode('ab'.repeat(5e5)).length], [3, 1e6 + 2]);
});
