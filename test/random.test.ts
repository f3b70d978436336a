// The random numbers are those of CPython's random.Random. Each expected number was printed by CPython 3.11,
// by the line of Python in the comment above it, after: from random import Random

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choose, Random } from '../micro_gpt.ts';
import { assertClose } from './helpers.ts';

const times = <T>(n: number, draw: () => T): T[] => Array.from({ length: n }, draw);
const range = (n: number): number[] => [...Array(n).keys()];

test('random() gives the numbers of CPython, for seeds of one word and of two', () => {
  // r = Random(seed); [r.random() for _ in range(3)]
  const expected: [seed: number, numbers: number[]][] = [
    [0, [0.8444218515250481, 0.7579544029403025, 0.420571580830845]],
    [42, [0.6394267984578837, 0.025010755222666936, 0.27502931836911926]],
    [2 ** 32 - 1, [0.6353574441341173, 0.20319993954407756, 0.6073666030347188]],
    [2 ** 32, [0.11299430095636409, 0.41782886486292836, 0.0166763664992291]],
    [2 ** 32 + 15, [0.8287862888312985, 0.78388567697363, 0.1952955293242734]],
    [2 ** 53 - 1, [0.09425040007102303, 0.22287455761867403, 0.19135148760372034]],
  ];
  for (const [seed, numbers] of expected) {
    const random = new Random(seed);
    assert.deepEqual(times(3, () => random.random()), numbers, `seed ${seed}`);
  }
});

test('random() goes on like CPython when the 624 words of the state are used up, and once more', () => {
  const random = new Random(42);
  const numbers = times(2000, () => random.random()); // two words each
  // r = Random(42); x = [r.random() for _ in range(2000)]; [x[i] for i in (311, 312, 623, 624, 1999)]
  assert.deepEqual([311, 312, 623, 624, 1999].map((i) => numbers[i]), [
    0.21007653833975404, 0.24952973922292443, 0.11955474125505283, 0.5358639653837498, 0.30176443514420326,
  ]);
});

test('gauss() makes two of the numbers of CPython at a time, and keeps the second while others are drawn', () => {
  // r = Random(seed); [r.gauss(3, 2), r.random(), r.gauss(3, 2), r.random(), r.gauss(3, 2)]
  const expected: [seed: number, numbers: number[]][] = [
    [0, [4.883430809361329, 0.420571580830845, 0.2068437905977003, 0.25891675029296335, 0.9673022116238581]],
    [42, [2.7118193408441433, 0.27502931836911926, 2.654192799336961, 0.22321073814882275, 2.744823432434226]],
    [2 ** 32 + 15,
      [4.663078415385703, 0.1952955293242734, -0.08054412216830009, 0.5731781851359814, 2.7678125392434474]],
    [2 ** 53 - 1,
      [4.178442474062702, 0.19135148760372034, 3.7927807467624963, 0.14744912919638153, 4.878446728504339]],
  ];
  for (const [seed, numbers] of expected) {
    const r = new Random(seed);
    const gauss = () => r.gauss(3, 2);
    // The sine and cosine of another machine may differ in the last digit.
    assertClose([gauss(), r.random(), gauss(), r.random(), gauss()], numbers, 1e-14, `seed ${seed}`);
  }
});

test('gauss() is finite whatever random() gives', () => {
  for (const extreme of [0, 1 - 2 ** -53]) {
    const random = new Random(0);
    random.random = () => extreme;
    assert.ok(times(2, () => random.gauss(0, 1)).every(Number.isFinite), `${extreme}`);
  }
});

test('shuffle() makes the order of CPython, and draws as many words', () => {
  const random = new Random(42);
  // r = Random(42)
  // for n in (1, 2, 32, 33, 1000):
  //     x = list(range(n)); r.shuffle(x); (n, x[:5], sum(i * v for i, v in enumerate(x)))
  const expected: [n: number, first: number[], checksum: number][] = [
    [1, [0], 0],
    [2, [1, 0], 0],
    [32, [27, 5, 11, 16, 26], 7308],
    [33, [32, 26, 7, 23, 13], 8006],
    [1000, [414, 417, 325, 560, 559], 248462343],
  ];
  for (const [n, first, checksum] of expected) {
    const items = range(n);
    random.shuffle(items);
    assert.deepEqual(items.slice(0, 5), first, `of ${n}`);
    assert.equal(items.reduce((sum, item, i) => sum + i * item, 0), checksum, `of ${n}`);
    assert.deepEqual([...items].sort((a, b) => a - b), range(n), `of ${n}`);
  }
  assert.equal(random.random(), 0.4116450897877937); // r.random()
});

test('choose() takes the first index whose running total exceeds the random part of the whole', () => {
  const largest = 1 - 2 ** -53; // that random() gives
  const cases: [part: number, weights: number[], index: number][] = [
    [0, [1, 3], 0],
    [0, [0, 1], 1], // weight 0 is never drawn
    [0.25, [1, 3], 1], // 1 does not exceed 1
    [0.5, [1, 1, 2], 2],
    [largest, [1, 3], 1],
    [largest, [0, 0.1 + 0.2, 0], 1], // it is below 1, so it points at no end
  ];
  for (const [part, weights, index] of cases) assert.equal(choose(weights, part), index, `${part} of [${weights}]`);
});

test('A seed that is negative, fractional, too large or no number is refused', () => {
  for (const seed of [-1, 0.5, 2 ** 53, NaN, Infinity]) {
    assert.throws(() => new Random(seed), { name: 'RangeError', message: new RegExp(`${seed}`) });
  }
});
