// The random numbers are those of CPython's random.Random. Each expected number was printed by CPython 3.11,
// by the line of Python in the comment above it, after: from random import Random

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choose, Random } from '../micro_gpt.ts';
import { assertClose } from './helpers.ts';

test('random() gives the numbers of CPython, also after its 624 words are used up, two at a time', () => {
  // r = Random(seed); x = [r.random() for _ in range(2000)]; [x[i] for i in places]
  const expected: [seed: number, places: number[], numbers: number[]][] = [
    [0, [0, 1, 2], [0.8444218515250481, 0.7579544029403025, 0.420571580830845]],
    [2 ** 32 - 1, [0, 1, 2], [0.6353574441341173, 0.20319993954407756, 0.6073666030347188]],
    [2 ** 32, [0, 1, 2], [0.11299430095636409, 0.41782886486292836, 0.0166763664992291]],
    [2 ** 53 - 1, [0, 1, 2], [0.09425040007102303, 0.22287455761867403, 0.19135148760372034]],
    [42, [311, 312, 623], [0.21007653833975404, 0.24952973922292443, 0.11955474125505283]],
    [42, [624, 1999], [0.5358639653837498, 0.30176443514420326]],
  ];
  for (const [seed, places, numbers] of expected) {
    const random = new Random(seed), drawn = Array.from({ length: 2000 }, () => random.random());
    assert.deepEqual(places.map((i) => drawn[i]), numbers, `seed ${seed}, at ${places}`);
  }
});

test('gauss() makes two of the numbers of CPython at a time, whatever is asked for in between', () => {
  // r = Random(seed); [r.gauss(3, 2), r.random(), r.gauss(0, 1), r.random(), r.gauss(-5, 0.1)]
  const expected: [seed: number, numbers: number[]][] = [
    [0, [4.883430809361329, 0.420571580830845, -1.3965781047011498, 0.25891675029296335, -5.101634889418807]],
    [42, [2.7118193408441433, 0.27502931836911926, -0.1729036003315193, 0.22321073814882275, -5.0127588283782885]],
  ];
  for (const [seed, numbers] of expected) {
    const r = new Random(seed);
    const drawn = [r.gauss(3, 2), r.random(), r.gauss(0, 1), r.random(), r.gauss(-5, 0.1)];
    assertClose(drawn, numbers, 1e-14, `seed ${seed}:`); // the last digit of a sine may differ elsewhere
  }
});

test('gauss() is finite whatever random() gives', () => {
  for (const extreme of [0, 1 - 2 ** -53]) {
    const random = new Random(0);
    random.random = () => extreme;
    const drawn = [random.gauss(0, 1), random.gauss(0, 1)];
    assert.ok(drawn.every(Number.isFinite), `[${drawn}], from ${extreme}, should be finite`);
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
    const items = random.shuffle([...Array(n).keys()]);
    assert.deepEqual(items.slice(0, 5), first, `the first of ${n}`);
    assert.equal(items.reduce((sum, item, i) => sum + i * item, 0), checksum, `the checksum of ${n}`);
  }
  assert.equal(random.random(), 0.4116450897877937, 'r.random(), afterwards');
});

test('choose() takes the first index whose running total exceeds the random part of the whole', () => {
  const largest = 1 - 2 ** -53; // that random() gives
  const cases: [part: number, shares: number[], index: number][] = [
    [0, [0, 1], 1], // a share of 0 is never drawn
    [0.25, [1, 3], 1], // 1 does not exceed 1
    [0.5, [1, 1, 2], 2],
    // What is rounded, and when, decides these. They are as in CPython: random.choices() compares
    // running totals from left to right, undivided, with r * total.
    [largest, [0, 0.1 + 0.2, 0], 1],
    [largest, Array<number>(10).fill(0.1), 9], // whose total is a little below 1
    [largest, [1, 2 ** -53, 2 ** -53], 0], // from right to left, the total would be larger
    [0.6818181818181818, [15, 7], 0], // which is 15 / 22, rounded
  ];
  for (const [part, shares, index] of cases) {
    assert.equal(choose(shares, part), index, `${part} of [${shares}]`);
  }
});
