// The random numbers are those of CPython's random.Random. Each expected number was printed by CPython 3.11,
// by the line of Python in the comment above it, after: from random import Random

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choose, Random } from '../micro_gpt.ts';

const times = <T>(n: number, draw: () => T): T[] => Array.from({ length: n }, draw);
const range = (n: number): number[] => [...Array(n).keys()];

/** The sine and cosine of another machine may differ in the last digit, so gauss() is compared up to that. */
function assertClose(actual: number[], expected: number[]): void {
  assert.equal(actual.length, expected.length);
  for (const [i, number] of actual.entries()) {
    assert.ok(Math.abs(number - expected[i]) < 1e-14, `number ${i} is ${number}, not ${expected[i]}`);
  }
}

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

test('gauss() gives the numbers of CPython, two from each draw', () => {
  // r = Random(seed); [r.gauss(3, 2) for _ in range(5)]
  const expected: [seed: number, numbers: number[]][] = [
    [0, [4.883430809361329, 0.2068437905977003, 1.6405711038431579, 3.7410071349213196, 0.9673022116238581]],
    [42, [2.7118193408441433, 2.654192799336961, 2.7773682768646752, 4.403967450197726, 2.744823432434226]],
    [2 ** 32 + 15,
      [4.663078415385703, -0.08054412216830009, 3.879480581050036, 5.457157523139904, 2.7678125392434474]],
    [2 ** 53 - 1,
      [4.178442474062702, 3.7927807467624963, 3.406929222955749, 4.0538442960740015, 4.878446728504339]],
  ];
  for (const [seed, numbers] of expected) {
    const random = new Random(seed);
    assertClose(times(5, () => random.gauss(3, 2)), numbers);
  }
});

test('gauss() keeps its second number while other numbers are drawn', () => {
  // r = Random(seed); [r.gauss(0, 0.08), r.random(), r.gauss(0, 0.08), r.random(), r.gauss(0, 0.08)]
  const expected: [seed: number, numbers: number[]][] = [
    [0, [0.07533723237445315, 0.420571580830845,
      -0.11172624837609199, 0.25891675029296335, -0.08130791153504567]],
    [42, [-0.011527226366234268, 0.27502931836911926,
      -0.013832288026521545, 0.22321073814882275, -0.010207062702630967]],
    [2 ** 32 + 15, [0.06652313661542815, 0.1952955293242734,
      -0.123221764886732, 0.5731781851359814, -0.009287498430262107]],
    [2 ** 53 - 1, [0.04713769896250808, 0.19135148760372034,
      0.031711229870499846, 0.14744912919638153, 0.07513786914017355]],
  ];
  for (const [seed, numbers] of expected) {
    const r = new Random(seed);
    const gauss = () => r.gauss(0, 0.08);
    assertClose([gauss(), r.random(), gauss(), r.random(), gauss()], numbers);
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

test('choose() draws by weight like choices() of CPython', () => {
  // r = Random(seed); r.choices(range(5), [1, 0, 2.5, 4, 0.5], k=20)
  const expected: [seed: number, indices: number[]][] = [
    [0, [3, 3, 2, 2, 3, 2, 3, 2, 3, 3, 3, 3, 2, 3, 3, 2, 3, 4, 3, 3]],
    [42, [3, 0, 2, 2, 3, 3, 3, 0, 2, 0, 2, 3, 0, 2, 3, 3, 2, 3, 3, 0]],
    [2 ** 32 + 15, [3, 3, 2, 3, 2, 0, 4, 3, 3, 3, 3, 3, 3, 2, 0, 2, 3, 3, 3, 3]],
    [2 ** 53 - 1, [0, 2, 2, 2, 0, 3, 0, 2, 2, 3, 3, 2, 3, 3, 4, 3, 4, 3, 2, 3]],
  ];
  for (const [seed, indices] of expected) {
    const random = new Random(seed);
    assert.deepEqual(times(20, () => choose([1, 0, 2.5, 4, 0.5], random.random())), indices, `seed ${seed}`);
  }
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

test('shuffle(), gauss() and choose() take turns like in CPython', () => {
  // r = Random(seed); x = list(range(8)); r.shuffle(x); x
  // [r.gauss(0, 0.08) for _ in range(3)]
  // r.choices(range(3), [1, 2, 3], k=6)
  // [r.gauss(0, 0.08), r.random()]
  const expected: [seed: number, order: number[], before: number[], indices: number[], after: number[]][] = [
    [0, [4, 1, 5, 2, 0, 3, 7, 6],
      [-0.11576985011418925, 0.07874716409973184, -0.029926147758938326],
      [2, 2, 2, 1, 2, 2], [0.08597203086232444, 0.25050634136244054]],
    [42, [3, 4, 6, 7, 2, 5, 0, 1],
      [-0.010207062702630967, -0.1197882731472766, 0.02658546752541722],
      [1, 0, 1, 2, 0, 1], [-0.02138699827977346, 0.6498844377795232]],
    [2 ** 32 + 15, [5, 6, 2, 0, 7, 4, 1, 3],
      [-0.04857504518647928, -0.17663907668150702, -0.06646034354899313],
      [2, 1, 0, 1, 2, 2], [-0.12373769538186055, 0.5598526778450301]],
    [2 ** 53 - 1, [3, 2, 0, 6, 5, 7, 4, 1],
      [0.08643475175510078, 0.011764189211885672, -0.0026228992353372785],
      [2, 1, 2, 1, 2, 1], [0.022224009675481517, 0.23322278818763265]],
  ];
  for (const [seed, order, before, indices, after] of expected) {
    const random = new Random(seed);
    const items = range(8);
    random.shuffle(items);
    assert.deepEqual(items, order, `seed ${seed}`);
    assertClose(times(3, () => random.gauss(0, 0.08)), before);
    assert.deepEqual(times(6, () => choose([1, 2, 3], random.random())), indices, `seed ${seed}`);
    assertClose([random.gauss(0, 0.08), random.random()], after);
  }
});

test('A seed that is negative, fractional, too large or no number is refused', () => {
  for (const seed of [-1, 0.5, 2 ** 53, NaN, Infinity]) {
    assert.throws(() => new Random(seed), { name: 'RangeError', message: new RegExp(`${seed}`) });
  }
});
