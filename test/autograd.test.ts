import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dot, Random, sum, tidy, Value } from '../micro_gpt.ts';
import { assertClose, gradsOf, numbersOf, smallTape, vectorOf } from './helpers.ts';
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
  ['x * x', (x) => x.mul(x), (x) => x * x],
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
      const x = new Value(a), y = new Value(b);
      const result = onTape(x, y);
      result.backward();
      assertClose(result.data, plain(a, b), 1e-15, 'value');
      assertClose(x.grad, centralDifference((x) => plain(x, b), a), 1e-7, 'gradient by x');
      assertClose(y.grad, centralDifference((y) => plain(a, y), b), 1e-7, 'gradient by y');
    }
  });
}

test('relu at 0 is flat, and lets NaN through, so that a mistake is seen', () => {
  const x = new Value(0);
  x.relu().backward();
  assert.equal(x.grad, 0);
  assert.ok(Number.isNaN(new Value(NaN).relu().data));
});

test('x ** 2 at 0 has a gradient of 0, and tiny gradients are passed on as they are', () => {
  const x = new Value(0), y = new Value(2);
  x.pow(2).backward();
  assert.deepEqual([x.data, x.grad], [0, 0]);
  y.mul(3e-13).backward();
  assert.equal(y.grad, 3e-13);
});

test('sum adds from left to right, as the original does', () => {
  assert.equal(sum(vectorOf(1, 1e16, -1e16)).data, 0);
});

test('gradients add up over several results until they are cleared', () => {
  const x = new Value(5);
  tidy(() => x.mul(2).backward());
  tidy(() => x.mul(3).backward());
  assert.equal(x.grad, 5);
  x.grad = 0;
  tidy(() => x.mul(4).backward());
  assert.equal(x.grad, 4);
});

test('a chain of 1,000,000 operations has its value and its gradient', () => {
  tidy(() => {
    const x = new Value(0.5);
    let y = x;
    for (let i = 0; i < 1_000_000; i++) y = y.add(x);
    y.backward();
    assert.deepEqual([y.data, x.grad], [500_000.5, 1_000_001]);
  });
});

// ---- Sums of products

test('dots of 1, 256, 300 and 4096 products have their value and their gradients', () => {
  for (const n of [1, 256, 300, 4096]) {
    const numbers = Array.from({ length: n }, (_, i) => i + 1);
    const a = vectorOf(...numbers), b = vectorOf(...numbers.map((x) => 3 * x));
    const result = dot(a, b);
    result.backward();
    assert.equal(result.data, 3 * numbers.reduce((total, x) => total + x * x, 0));
    assert.deepEqual(gradsOf(a), numbersOf(b));
    assert.deepEqual(gradsOf(b), numbersOf(a));
  }
});

test('dot refuses, with a RangeError, vectors of different lengths', () => {
  for (const [n, m] of [[3, 1], [1, 3], [0, 1]]) {
    const a = vectorOf(...Array<number>(n).fill(1)), b = vectorOf(...Array<number>(m).fill(1));
    assert.throws(() => dot(a, b), { name: 'RangeError', message: new RegExp(`dot.*${n}.*${m}`) });
  }
});

test('a dot takes one slot, however many products it has', () => {
  const a = vectorOf(1, 2, 3);
  assert.equal(dot(a, a).slot, a[2].slot + 1);
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
    const result = expression<Value>(seed, inputs, dot);
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

test('tidy frees its slots on a throw too, and lets the error through', () => {
  const slots = [1, 2].map(() => {
    let slot = 0;
    assert.throws(() => tidy(() => { slot = new Value(1).exp().slot; throw new Error('oh'); }), /^Error: oh$/);
    return slot;
  });
  assert.equal(slots[0], slots[1]);
});

test('tidy inside tidy frees only what the inner one took', () => {
  tidy(() => {
    const x = new Value(2);
    const y = x.mul(x);
    const inner = tidy(() => y.exp().slot);
    const z = y.mul(3);
    assert.equal(z.slot, inner);
    z.backward();
    assert.deepEqual([x.data, y.data, z.data, x.grad], [2, 4, 12, 12]);
  });
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
        if (x === undefined || action < 2) pairs.push([new Value(i / 6 - 1), new ObjectValue(i / 6 - 1)]);
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
  const x = new fresh.Value(3);
  x.mul(x).backward();
  assert.equal(x.grad, 6);
});

test('the example of section 2 has the data and the grads of its table', () => {
  tidy(() => {
    const a = new Value(2), b = new Value(4);
    const product = a.mul(3), bracket = product.add(b), result = bracket.mul(a);
    result.backward();
    const tape = [a, b, product, bracket, result];
    assert.deepEqual(tape.map(({ slot }) => slot - a.slot), [0, 1, 2, 3, 4]);
    assert.deepEqual(numbersOf(tape), [2, 4, 6, 10, 20]);
    assert.deepEqual(gradsOf(tape), [16, 2, 2, 2, 1]);
  });
});

test('a gradient that is not a number goes on, so that a mistake is seen', () => {
  const x = new Value(2);
  x.mul(NaN).mul(3).backward();
  assert.ok(Number.isNaN(x.grad));
  const a = vectorOf(Infinity, 1), b = vectorOf(0, 1);
  dot(a, b).mul(NaN).backward();
  assert.ok([...gradsOf(a), ...gradsOf(b)].every(Number.isNaN));
});

test('an infinite rate at a gradient of 0 adds nothing', () => {
  const x = new Value(0), y = new Value(3);
  x.pow(-0.5).mul(0).add(y).backward(); // the rate of pow is Infinity here, and its gradient 0
  assert.deepEqual(gradsOf([x, y]), [0, 1]);
});

test('backward() on a Value made from no other sets its own gradient to 1, whatever it was', () => {
  const x = new Value(7);
  x.grad = 5;
  x.backward();
  assert.equal(x.grad, 1);
});

test('gradients come through a tape that is full, which says what to lower', async (t) => {
  const gpt = await smallTape(t);
  const isFull = (error: unknown) => error instanceof gpt.InputError && error.exitCode === 1
    && ['--n-embd', '--n-layer', '--block-size'].every((flag) => error.message.includes(flag));
  const x = new gpt.Value(2), factor = new gpt.Value(3);
  const many = Array<typeof x>(1000).fill(x);
  gpt.tidy(() => { // full of slots
    let y = x.mul(factor);
    assert.throws(() => { for (;;) y = y.add(0); }, isFull);
    y.backward(); // the last that was made
    assert.deepEqual([y.data, x.grad, factor.grad], [6, 3, 2]);
  });
  x.grad = 0;
  gpt.tidy(() => { // full of operands
    let y = x.mul(factor);
    assert.throws(() => { for (;;) y = y.add(gpt.dot(many, many)); }, isFull);
    y.backward();
    assert.deepEqual([y.data, x.grad > 3], [6 + ((x.grad - 3) / 4) * 4, true]);
  });
  x.grad = 0; // the tape is free again
  x.mul(3).backward();
  assert.equal(x.grad, 3);
});
