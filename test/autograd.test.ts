import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dot, InputError, linear, Random, sum, tidy, value, Value } from '../micro_gpt.ts';
import { assertClose, gradsOf, numbersOf, vectorOf } from './helpers.ts';
import { ObjectValue } from './object_graph.ts';

const centralDifference = (f: (x: number) => number, x: number): number => (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;

// ---- Operations

const operations: [string, (x: Value, y: Value) => Value, (x: number, y: number) => number][] = [
  ['x + y', (x, y) => x.add(y), (x, y) => x + y],
  ['x - y', (x, y) => x.sub(y), (x, y) => x - y],
  ['x * y', (x, y) => x.mul(y), (x, y) => x * y],
  ['x / y', (x, y) => x.div(y), (x, y) => x / y],
  ['x + 3', (x) => x.add(3), (x) => x + 3],
  ['x - 3', (x) => x.sub(3), (x) => x - 3],
  ['x * 3', (x) => x.mul(3), (x) => x * 3],
  ['x / 3', (x) => x.div(3), (x) => x / 3],
  ['x + 0', (x) => x.add(0), (x) => x],
  ['x * 0', (x) => x.mul(0), () => 0],
  ['2 + x', (x) => value(2).add(x), (x) => 2 + x],
  ['2 - x', (x) => value(2).sub(x), (x) => 2 - x],
  ['2 * x', (x) => value(2).mul(x), (x) => 2 * x],
  ['2 / x', (x) => value(2).div(x), (x) => 2 / x],
  ['x + x', (x) => x.add(x), (x) => x + x],
  ['x - x', (x) => x.sub(x), () => 0],
  ['x * x', (x) => x.mul(x), (x) => x * x],
  ['x / x', (x) => x.div(x), () => 1],
  ['x ** 3', (x) => x.pow(3), (x) => x ** 3],
  ['x ** -2', (x) => x.pow(-2), (x) => x ** -2],
  ['x ** -0.5', (x) => x.pow(-0.5), (x) => x ** -0.5],
  ['exp x', (x) => x.exp(), Math.exp],
  ['log x', (x) => x.log(), Math.log],
  ['relu x', (x) => x.relu(), (x) => Math.max(0, x)],
  ['(x + y) * (x - y), a diamond', (x, y) => x.add(y).mul(x.sub(y)), (x, y) => x * x - y * y],
];

for (const [name, onTape, plain] of operations) {
  test(`${name} has the value of plain numbers, and gradients like central differences`, () => {
    for (const [a, b] of [[2, 3], [0.7, -1.3], [-1.2, 0.4]]) {
      if (Number.isNaN(plain(a, b))) continue; // such as the log of a negative number
      const x = value(a), y = value(b);
      const result = onTape(x, y);
      result.backward();
      assertClose(result.data, plain(a, b), 1e-15, 'value');
      assertClose(x.grad, centralDifference((x) => plain(x, b), a), 1e-7, 'gradient by x');
      assertClose(y.grad, centralDifference((y) => plain(a, y), b), 1e-7, 'gradient by y');
    }
  });
}

test('relu at 0 is flat', () => {
  const x = value(0);
  x.relu().backward();
  assert.equal(x.grad, 0);
});

test('gradients add up over several results until they are cleared', () => {
  const x = value(5);
  tidy(() => x.mul(2).backward());
  tidy(() => x.mul(3).backward());
  assert.equal(x.grad, 5);
  x.grad = 0;
  tidy(() => x.mul(4).backward());
  assert.equal(x.grad, 4);
});

test('what a result was not made from gets no gradient', () => {
  const x = value(2), bystander = value(3);
  const between = x.mul(bystander);
  const result = x.mul(5);
  const later = result.mul(bystander);
  result.backward();
  assert.deepEqual(gradsOf([x, bystander, between, later]), [5, 0, 0, 0]);
});

test('data can be set, and later operations use it', () => {
  const x = value(2);
  x.data = 3;
  const y = x.mul(x);
  y.backward();
  assert.deepEqual([y.data, x.grad], [9, 6]);
});

test('a chain of 1,000,000 operations has its value and its gradient', () => {
  tidy(() => {
    const x = value(0.5);
    let y = x;
    for (let i = 0; i < 1_000_000; i++) y = y.add(x);
    y.backward();
    assert.deepEqual([y.data, x.grad], [500_000.5, 1_000_001]);
  });
});

// ---- Sums of products

test('dot is the sum of products written out, in value and gradients', () => {
  const valueAndGradients = (sumOfProducts: typeof dot) => tidy(() => {
    const a = vectorOf(1, -2, 3), b = vectorOf(0.5, 4, -1.5);
    const result = sumOfProducts(a, b).mul(3);
    result.backward();
    return [result.data, ...gradsOf([...a, ...b])];
  });
  const written: typeof dot = (a, b) => a[0].mul(b[0]).add(a[1].mul(b[1])).add(a[2].mul(b[2]));
  assert.deepEqual(valueAndGradients(dot), valueAndGradients(written));
});

test('dot takes vectors of one', () => {
  const a = vectorOf(3), b = vectorOf(5);
  const result = dot(a, b);
  result.backward();
  assert.deepEqual([result.data, a[0].grad, b[0].grad], [15, 5, 3]);
});

test('the dot of a vector with itself has twice the vector as gradient', () => {
  const a = vectorOf(1, -2, 3);
  const square = dot(a, a);
  square.backward();
  assert.equal(square.data, 14);
  assert.deepEqual(gradsOf(a), [2, -4, 6]);
});

test('dot passes gradients on to what its operands were made from', () => {
  const x = value(3);
  const powers = [1, 2, 3].map((n) => x.pow(n));
  dot(powers, vectorOf(1, 10, 100)).backward();
  assert.equal(x.grad, 1 + 10 * 2 * 3 + 100 * 3 * 3 ** 2);
});

test('dot refuses, with a RangeError, lists of different lengths and lists that are not neighbours', () => {
  const xs = vectorOf(2, 3, 5, 7);
  const at = (...indices: number[]) => indices.map((i) => xs[i]);
  dot(xs, at(0, 1, 2, 3)); // neighbours
  for (const [a, b] of [
    [at(0, 1, 2), at(0)], [at(0), at(0, 1, 2)], [at(0, 1), at(0, 1, 2)], // lengths
    [at(2, 1, 0), at(0, 1, 2)], [at(0, 1, 2), at(2, 1, 0)], [at(0, 0), at(0, 1)], [at(0, 1), at(1, 1)],
    [at(0, 2), at(0, 1)], [at(0, 1), at(0, 2)], [at(1, 3), at(1, 3)],
  ]) assert.throws(() => dot(a, b), { name: 'RangeError', message: /dot\(\)/ });
});

test('copies by mul(1) are neighbours, and pass their gradients on to what was copied', () => {
  const xs = vectorOf(2, 3, 5, 7);
  const picked = [3, 0, 0, 2];
  const result = dot(picked.map((i) => xs[i].mul(1)), vectorOf(1, 10, 100, 1000));
  result.backward();
  assert.equal(result.data, 7 + 20 + 200 + 5000);
  assert.deepEqual(gradsOf(xs), [110, 0, 1000, 1]);
});

test('a dot takes one slot, and the operations that it stands for would take 2n - 1', () => {
  const a = vectorOf(1, 2, 3), b = vectorOf(4, 5, 6);
  const before = value(0).slot;
  assert.equal(dot(a, b).slot, before + 1);
  const written = sum(a.map((x, i) => x.mul(b[i])));
  assert.equal(written.slot, before + 1 + 2 * 3 - 1);
});

test('linear gives one dot a row, in value and gradients', () => {
  const w = [vectorOf(1, 2, 3), vectorOf(-4, 5, -6)];
  const x = vectorOf(7, 8, 9);
  const [first, second] = linear(w, x);
  assert.deepEqual([first.data, second.data], [1 * 7 + 2 * 8 + 3 * 9, -4 * 7 + 5 * 8 - 6 * 9]);

  first.add(second.mul(10)).backward();
  assert.deepEqual(gradsOf(w[0]), [7, 8, 9]);
  assert.deepEqual(gradsOf(w[1]), [70, 80, 90]);
  assert.deepEqual(gradsOf(x), [1 - 40, 2 + 50, 3 - 60]);
});

test('sum adds all up, and each has gradient 1', () => {
  const xs = vectorOf(1, 20, 300);
  const total = sum(xs);
  total.backward();
  assert.equal(total.data, 321);
  assert.deepEqual(gradsOf(xs), [1, 1, 1]);
});

// ---- Against a graph of objects

/** What tape and graph have in common. */
type Scalar<T> = { data: number } & Record<'add' | 'sub' | 'mul' | 'div', (y: T | number) => T> &
  Record<'exp' | 'log' | 'relu', () => T> & { pow(n: number): T };

/** Thirty random operations on the inputs and on each other's results, all of which go into the result. */
function expression<T extends Scalar<T>>(seed: number, inputs: readonly T[], dot: (a: T[], b: T[]) => T): T {
  const random = new Random(seed);
  const below = (n: number) => Math.floor(random.random() * n);
  const values = [...inputs];
  const positive = (x: T) => x.mul(x).add(0.5);
  for (let i = 0; i < 30; i++) {
    const pick = () => values[below(values.length)];
    const [x, y, n] = [pick(), pick(), below(5) - 2.5];
    const result = [
      () => x.add(y), () => x.sub(y), () => x.mul(y), () => x.div(positive(y)),
      () => x.add(n), () => x.sub(n), () => x.mul(n), () => x.div(n),
      () => positive(x).pow(n), () => x.exp(), () => positive(x).log(), () => x.relu(),
      () => dot([x, y, pick(), pick()], [pick(), x, pick(), y]), () => dot(values, values),
    ][below(14)]();
    if (Math.abs(result.data) < 8) values.push(result); // so that nothing explodes
  }
  return values.reduce((total, x) => total.add(x));
}

test('200 random expressions have the value and the gradients of a graph of objects', () => {
  for (let seed = 0; seed < 200; seed++) {
    const numbers = [0.3, -0.8, 1.2, 2.1, -1.7];
    const inputs = vectorOf(...numbers);
    const result = expression<Value>(seed, inputs, (a, b) => dot(a.map((x) => x.mul(1)), b.map((x) => x.mul(1))));
    result.backward();

    const objects = numbers.map((x) => new ObjectValue(x));
    const written = (a: ObjectValue[], b: ObjectValue[]) =>
      a.map((x, i) => x.mul(b[i])).reduce((total, x) => total.add(x));
    const expected = expression<ObjectValue>(seed, objects, written);
    expected.backward();

    assertClose(result.data, expected.data, 1e-9, `seed ${seed}: value`);
    inputs.forEach((x, i) => assertClose(x.grad, objects[i].grad, 1e-9, `seed ${seed}: gradient ${i}`));
  }
});

// ---- tidy

test('tidy returns what its body returns', () => {
  assert.equal(tidy(() => value(2).mul(3).data), 6);
});

test('after tidy, the next Value takes the slot that the first one inside had, as new', () => {
  const inside = tidy(() => {
    const a = vectorOf(1, 2, 3);
    dot(a, a).backward();
    return a[0].slot;
  });
  const after = value(5);
  assert.equal(after.slot, inside);
  assert.deepEqual([after.data, after.grad], [5, 0]);
});

test('what a slot was used for before tidy freed it does not matter to its next use', () => {
  const use = () => tidy(() => {
    const x = vectorOf(2, 3);
    const y = x[0].mul(x[1]);
    y.backward();
    return [y.slot, ...gradsOf(x)];
  });
  const before = use();
  tidy(() => {
    const x = vectorOf(2, 3);
    const y = dot(x, x); // takes the same slot
    assert.equal(y.slot, before[0]);
    y.backward();
  });
  assert.deepEqual(use(), before);
});

test('tidy frees its slots on a throw too, and lets the error through', () => {
  const slots = [1, 2].map(() => {
    let slot = 0;
    assert.throws(() => tidy(() => { slot = value(1).exp().slot; throw new Error('oh'); }), /^Error: oh$/);
    return slot;
  });
  assert.equal(slots[0], slots[1]);
});

test('tidy inside tidy frees only what the inner one took', () => {
  tidy(() => {
    const x = value(2);
    const y = x.mul(x);
    const inner = tidy(() => y.exp().slot);
    const z = y.mul(3);
    assert.equal(z.slot, inner);
    z.backward();
    assert.deepEqual([x.data, y.data, z.data, x.grad], [2, 4, 12, 12]);
  });
});

test('Values made outside a tidy keep their data, and gather gradients inside it', () => {
  const x = value(3);
  const y = x.mul(x);
  tidy(() => y.mul(10).backward());
  assert.deepEqual([x.data, y.data, y.grad, x.grad], [3, 9, 10, 60]);
});

test('random programs of tidies in tidies have the gradients of a graph of objects', () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = new Random(seed);
    const below = (n: number) => Math.floor(random.random() * n);
    const pairs: [Value, ObjectValue][] = [];
    const run = (depth: number): void => {
      const outside = pairs.length;
      for (let i = below(12); i >= 0; i--) {
        const [x, y] = [pairs[below(pairs.length)], pairs[below(pairs.length)]];
        const action = below(6);
        if (x === undefined || action < 2) pairs.push([value(i / 6 - 1), new ObjectValue(i / 6 - 1)]);
        else if (action === 2) pairs.push([x[0].add(y[0]), x[1].add(y[1])]);
        else if (action === 3) pairs.push([x[0].mul(y[0]), x[1].mul(y[1])]);
        else if (action === 4 && depth > 0) tidy(() => run(depth - 1));
        else {
          x.forEach((result) => result.backward());
          for (const [tape, object] of pairs) assertClose(tape.grad, object.grad, 1e-9, `seed ${seed}: grad`);
          pairs.flat().forEach((each) => { each.grad = 0; });
        }
      }
      pairs.length = outside;
    };
    for (let i = 0; i < 10; i++) tidy(() => run(3));
  }
});

// ---- At the edges

test('the very first operation on a tape passes its gradient on', async () => {
  const fresh: typeof import('../micro_gpt.ts') = await import(`../micro_gpt.ts?${'fresh'}`);
  const x = fresh.value(3);
  assert.equal(x.slot, 1);
  x.mul(x).backward();
  assert.equal(x.grad, 6);
});

test('the example of section 3a has the slots, the data and the grads of its table', () => {
  tidy(() => {
    const a = value(2), b = value(4);
    const product = a.mul(3), bracket = product.add(b), result = bracket.mul(a);
    result.backward();
    const tape = [a, b, product, bracket, result];
    assert.deepEqual(tape.map(({ slot }) => slot - a.slot + 1), [1, 2, 3, 4, 5]);
    assert.deepEqual(numbersOf(tape), [2, 4, 6, 10, 20]);
    assert.deepEqual(gradsOf(tape), [16, 2, 2, 2, 1]);
  });
});

test('a gradient that is not a number goes on, so that a mistake is seen', () => {
  const x = value(2);
  x.mul(NaN).mul(3).backward();
  assert.ok(Number.isNaN(x.grad));
  const a = vectorOf(Infinity, 1), b = vectorOf(0, 1);
  dot(a, b).mul(NaN).backward();
  assert.ok([...gradsOf(a), ...gradsOf(b)].every(Number.isNaN));
});

test('an infinite rate at a gradient of 0 adds nothing', () => {
  const x = value(0), y = value(3);
  x.pow(-0.5).mul(0).add(y).backward(); // the rate of pow is Infinity here, and its gradient 0
  assert.deepEqual(gradsOf([x, y]), [0, 1]);
});

test('backward() on a Value made from no other sets its own gradient to 1, whatever it was', () => {
  const x = value(7);
  x.grad = 5;
  x.backward();
  assert.equal(x.grad, 1);
});

test('a constant has no slot, and so no gradient: what is in slot 0 goes nowhere', () => {
  const x = value(2);
  x.mul(3).add(4).div(2).sub(1).backward();
  assert.equal(x.grad, 1.5);
});

test('gradients come through all slots of the tape, up to the last; then it is full, and says what to lower', () => {
  const size = 2 ** 23;
  tidy(() => {
    const x = value(0.5), factor = value(3);
    let y = x;
    while (y.slot < size - 4) y = y.add(0);
    const last = dot([y.mul(1)], [factor.mul(1)]);
    assert.equal(last.slot, size - 1);
    last.backward();
    assert.deepEqual([last.data, x.grad, factor.grad], [1.5, 3, 0.5]);
    assert.throws(() => last.add(1), (error) => error instanceof InputError && error.exitCode === 1
      && ['--n-embd', '--n-layer', '--block-size'].every((flag) => error.message.includes(flag)));
  });
  const x = value(2); // the tape is free again
  x.mul(3).backward();
  assert.equal(x.grad, 3);
});
