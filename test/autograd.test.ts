// The tape against three references: central differences, a graph of objects, and the tables of section 2.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dot, Random, sum, tidy, Value } from '../micro_gpt.ts';
import { assertClose, changed, defaults, gradsOf, numbersOf, vectorOf, withTables } from './helpers.ts';
import { dot as objectDot, ObjectValue } from './object_graph.ts';

const slope = (f: (x: number) => number, x: number) => (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;
type Operation = [string, (x: Value, y: Value) => Value, (x: number, y: number) => number];
const operations: Operation[] = [
  ['x + y', (x, y) => x.add(y), (x, y) => x + y],
  ['x - y', (x, y) => x.sub(y), (x, y) => x - y],
  ['x * y', (x, y) => x.mul(y), (x, y) => x * y],
  ['x / y', (x, y) => x.div(y), (x, y) => x / y],
  ['x + 3', (x) => x.add(3), (x) => x + 3],
  ['x - 3', (x) => x.sub(3), (x) => x - 3],
  ['x * 3', (x) => x.mul(3), (x) => x * 3],
  ['x / 3', (x) => x.div(3), (x) => x / 3],
  ['x * 0', (x) => x.mul(0), () => 0],
  ['x ** 3', (x) => x.pow(3), (x) => x ** 3],
  ['x ** -0.5', (x) => x.pow(-0.5), (x) => x ** -0.5],
  ['exp x', (x) => x.exp(), Math.exp],
  ['log x', (x) => x.log(), Math.log],
  ['relu x', (x) => x.relu(), (x) => Math.max(0, x)],
];
for (const [name, onTape, plain] of operations) {
  test(`${name} has the value of plain numbers, and gradients like central differences`, () => {
    for (const [a, b] of [[2, 3], [0.7, -1.3], [-1.2, 0.4]]) {
      if (Number.isNaN(plain(a, b))) continue; // such as the log of a negative number
      const x = new Value(a), y = new Value(b), result = onTape(x, y), about = `x = ${a}, y = ${b}:`;
      result.backward();
      assertClose(result.data, plain(a, b), 1e-15, `${about} value`);
      const slopes = [slope((x) => plain(x, b), a), slope((y) => plain(a, y), b)];
      assertClose(gradsOf([x, y]), slopes, 1e-7, `${about} gradients`);
    }
  });
}

test('relu is flat at 0, x ** 2 too; small gradients are passed on, and what is not a number', () => {
  const [x, y, z, mistake] = vectorOf(0, 0, 2, 2), seen = mistake.mul(NaN).relu();
  sum([x.relu(), y.pow(2), z.mul(3e-13), seen.mul(3)]).backward();
  assert.deepEqual([...gradsOf([x, y, z]), seen.data, mistake.grad], [0, 0, 3e-13, NaN, NaN]);
});

test('sum adds from left to right, as the original does', () => assert.equal(sum(vectorOf(1, 1e16, -1e16)).data, 0));

test('a dot of n products has its value and gradients, and takes one slot and 2n lines', async () => {
  const gpt = await withTables();
  for (const n of [1, 256, 300, 4096]) {
    const numbers = Array.from({ length: n }, (_, i) => i + 1);
    const [a, b] = [numbers, numbers.map((x) => 3 * x)].map((all) => all.map((x) => new gpt.Value(x)));
    const { nextSlot, nextLine } = gpt, result = gpt.dot(a, b);
    assert.deepEqual([gpt.nextSlot - nextSlot, gpt.nextLine - nextLine], [1, 2 * n], `slots and lines of ${n}`);
    result.backward();
    assert.equal(result.data, 3 * numbers.reduce((total, x) => total + x * x, 0), `value of ${n}`);
    assert.deepEqual([...gradsOf(a), ...gradsOf(b)], [...numbersOf(b), ...numbersOf(a)], `gradients of ${n}`);
  }
});

/** What tape and graph have in common. */
type Scalar<T> = { data: number } & Record<'add' | 'sub' | 'mul' | 'div', (y: T | number) => T> &
  Record<'exp' | 'log' | 'relu', () => T> & { pow(n: number): T };

/** The sum of some inputs, and of thirty random operations on them and on each other's results. */
function expression<T extends Scalar<T>>(seed: number, inputs: readonly T[], dot: (a: T[], b: T[]) => T): T {
  const random = new Random(seed), values = [...inputs];
  const below = (n: number) => Math.floor(random.random() * n);
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
    const numbers = [0.3, -0.8, 1.2, 2.1, -1.7], inputs = vectorOf(...numbers);
    const objects = numbers.map((x) => new ObjectValue(x));
    const result = expression<Value>(seed, inputs, dot);
    const expected = expression<ObjectValue>(seed, objects, objectDot);
    result.backward();
    expected.backward();
    assertClose(result.data, expected.data, 1e-9, `seed ${seed}: value`);
    assertClose(gradsOf(inputs), objects.map((x) => x.grad), 1e-9, `seed ${seed}: gradients`);
  }
});

test('the tables of section 2 are what the arrays hold after its example, (a * 3 + b) * a', async () => {
  const { Value, ...gpt } = await withTables(), { slots, tape } = gpt, text = changed();
  const [a, b] = ['0 +a', '1 +b'].map((row) => // they are in the data column of their rows
    new Value(Number(new RegExp(`^// +${row} +(\\d+) +\\d+$`, 'm').exec(text)?.[1])));
  a.mul(3).add(b).mul(a).backward();
  for (let i = 0; i < 5; i++) {
    const slot = `${i} +\\w.* ${slots.data[i]} +${slots.grad[i]}$`;
    const line = `${tape.results[i]} +${tape.operands[i]} +${tape.rates[i]} +${5 - i}(st|nd|rd|th)? `;
    for (const row of [slot, line]) {
      assert.ok(new RegExp(`^// +${row}`, 'm').test(text), `the text should print a row like ${row}`);
    }
  }
  const below = [slots, tape].flatMap(Object.values<Float64Array | Int32Array>).map((column) => column[5]);
  assert.deepEqual(below, [0, 0, 0, 0, 0], 'nothing should be written below these rows');
});

test('backward() starts anew from any Value, the last or not, and later ones have no part in it', () => {
  const x = new Value(7), y = x.mul(3);
  y.mul(5);
  x.grad = y.grad = 100;
  y.backward();
  assert.deepEqual(gradsOf([x, y]), [103, 1]);
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

test('a tape that is too short, by any number of slots or lines, is a RangeError', async () => {
  const gpt = await withTables(), config = { ...defaults, nEmbd: 2, nHead: 1, blockSize: 2 };
  const model = gpt.createModel(config, 2, () => 0.5);
  const learn = () => gpt.tidy(() => (gpt.lossOf(model, [1, 0, 1]).backward(), [gpt.nextSlot, gpt.nextLine]));
  for (const [i, table] of [gpt.slots, gpt.tape].entries()) {
    const needed = learn()[i], whole = Object.entries(table);
    assert.equal(new Set(whole.map(([, { length }]) => length)).size, 1, 'its columns should be equally long');
    for (let n = needed - 1; n >= 0; n--) {
      for (const [column, numbers] of whole) table[column] = numbers.subarray(0, n);
      assert.throws(learn, { name: 'RangeError' }, `${n} of ${needed} ${['slots', 'lines'][i]} should not do`);
    }
    Object.assign(table, Object.fromEntries(whole));
  }
});

test('tidy gives back the slots and lines that its body took, and no others', async () => {
  const gpt = await withTables(), { tidy } = gpt, taken = () => [gpt.nextSlot, gpt.nextLine];
  const x = new gpt.Value(2), y = x.mul(x), before = taken();
  assert.equal(tidy(() => { const z = y.exp(); z.grad = 9; return z.log().data; }), 4, 'what its body returns');
  assert.deepEqual(taken(), before, 'after two operations');
  tidy(() => {
    const z = y.mul(3), inside = taken();
    tidy(() => z.exp().data);
    assert.deepEqual(taken(), inside, 'after a tidy inside another');
  });
  assert.deepEqual(taken(), before, 'after a tidy with another inside');
  assert.throws(() => tidy(() => { y.exp(); throw new SyntaxError(); }), { name: 'SyntaxError' });
  assert.deepEqual(taken(), before, 'after an error');
  y.mul(3).add(0).backward(); // in the slots of exp and log
  assert.deepEqual([x.data, y.data, x.grad], [2, 4, 12], 'data and grad after all that');
});

test('a tidy touches nothing beyond what its body wrote, so a long tape is no slower', async () => {
  const gpt = await withTables(), x = new gpt.Value(2);
  const columns = Object.entries({ ...gpt.slots, ...gpt.tape });
  for (const [, column] of columns) column.fill(7, 1, 1000);
  gpt.tidy(() => x.mul(x).exp().backward()); // two slots after x, and three lines
  for (const [name, column] of columns) {
    assert.equal(column.subarray(3, 1000).find((n) => n !== 7), undefined, `${name} should still be full of 7s`);
  }
});
