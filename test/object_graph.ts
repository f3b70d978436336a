// Autograd on a graph of objects, and the model of micro_gpt.ts on top of it: plain references to check
// the program against, and a baseline to time it against.

import type { Matrix, Model } from '../micro_gpt.ts';

type Operand = ObjectValue | number; // a plain number is a constant
/** A number that knows its operands. The order of the way back is found by counting. */
export class ObjectValue {
  data: number;
  grad = 0;
  operands: ObjectValue[];
  rates: number[]; // how fast data grows with each operand
  waiting = 0; // in backward(): from how many operations a share of the gradient is still to come
  constructor(data: number, operands: ObjectValue[] = [], rates: number[] = []) {
    this.data = data, this.operands = operands, this.rates = rates;
  }

  add(y: Operand, b = asObject(y)) { return new ObjectValue(this.data + b.data, [this, b], [1, 1]); }
  mul(y: Operand, b = asObject(y)) { return new ObjectValue(this.data * b.data, [this, b], [b.data, this.data]); }
  pow(n: number) { return new ObjectValue(this.data ** n, [this], [n * this.data ** (n - 1)]); }
  exp() { return new ObjectValue(Math.exp(this.data), [this], [Math.exp(this.data)]); }
  log() { return new ObjectValue(Math.log(this.data), [this], [1 / this.data]); }
  relu() { return new ObjectValue(Math.max(0, this.data), [this], [this.data > 0 ? 1 : 0]); }
  sub(y: Operand): ObjectValue { return this.add(asObject(y).mul(-1)); }
  div(y: Operand): ObjectValue { return this.mul(asObject(y).pow(-1)); }

  backward(): void {
    const found: ObjectValue[] = [this];
    for (const { operands } of found) {
      for (const operand of operands) if (operand.waiting++ === 0) found.push(operand);
    }
    this.grad = 1;
    const complete: ObjectValue[] = [this]; // no share of their gradient is still to come
    for (const { grad, operands, rates } of complete) {
      operands.forEach((operand, i) => {
        operand.grad += rates[i] * grad;
        if (--operand.waiting === 0) complete.push(operand);
      });
    }
  }
}
const asObject = (y: Operand) => (typeof y === 'number' ? new ObjectValue(y) : y);

// ---- The model, all positions at a time, so that causality is a matter of where we cut

type Objects = ObjectValue[];
export type ObjectModel = ReturnType<typeof copyModel>;
export function copyModel({ config, wte, wpe, lmHead, layers }: Model) {
  const copy = (w: Matrix): Objects[] => w.map((row) => row.map((x) => new ObjectValue(x.data)));
  return {
    config, wte: copy(wte), wpe: copy(wpe), lmHead: copy(lmHead),
    layers: layers.map(({ wq, wk, wv, wo, fc1, fc2 }) =>
      ({ wq: copy(wq), wk: copy(wk), wv: copy(wv), wo: copy(wo), fc1: copy(fc1), fc2: copy(fc2) })),
  };
}
/** All matrices of a model, of either kind. */
type Matrices<M> = Record<'wte' | 'wpe' | 'lmHead', M> & { layers: Record<string, M>[] };
export const matricesOf = <M>({ wte, wpe, lmHead, layers }: Matrices<M>): [name: string, matrix: M][] =>
  [{ wte, wpe, lmHead }, ...layers].flatMap((matrices) => Object.entries(matrices));

const sum = (x: Objects) => x.reduce((total, xi) => total.add(xi));
const add = (x: Objects, y: Objects) => x.map((xi, i) => xi.add(y[i]));
export const dot = (x: Objects, y: Objects) => sum(x.map((xi, i) => xi.mul(y[i])));
const linear = (w: Objects[], x: Objects) => w.map((row) => dot(row, x));
function softmax(scores: Objects): Objects {
  const powers = scores.map((score) => score.exp()), total = sum(powers);
  return powers.map((power) => power.div(total));
}
function rmsnorm(x: Objects): Objects {
  const scale = dot(x, x).div(x.length).add(1e-5).pow(-0.5);
  return x.map((xi) => xi.mul(scale));
}

/** What the model expects after each position. */
export function objectLogits(model: ObjectModel, tokens: number[]): Objects[] {
  const { config: { nEmbd, nHead }, wte, wpe, lmHead, layers } = model, headDim = nEmbd / nHead;
  const cut = (x: Objects) => Array.from({ length: nHead }, (_, head) => // one part for each head
    x.slice(head * headDim, (head + 1) * headDim));
  let xs = tokens.map((token, position) => rmsnorm(add(wte[token], wpe[position])));
  for (const { wq, wk, wv, wo, fc1, fc2 } of layers) {
    const normed = xs.map(rmsnorm);
    const queries = normed.map((x) => cut(linear(wq, x))), keys = normed.map((x) => cut(linear(wk, x)));
    const values = normed.map((x) => linear(wv, x));
    const heard = queries.map((query, now) => {
      const shares = query.map((part, head) => softmax(keys.slice(0, now + 1).map((key) =>
        dot(key[head], part).div(Math.sqrt(headDim)))));
      return values[now].map((_, i) =>
        dot(shares[Math.floor(i / headDim)], values.slice(0, now + 1).map((value) => value[i])));
    });
    xs = xs.map((x, t) => add(x, linear(wo, heard[t])));
    xs = xs.map((x) => add(x, linear(fc2, linear(fc1, rmsnorm(x)).map((h) => h.relu()))));
  }
  return xs.map((x) => linear(lmHead, x));
}

/** What each guess in a document costs: -log(the probability of the token that came). */
export const objectCosts = (model: ObjectModel, tokens: number[]): Objects =>
  objectLogits(model, tokens.slice(0, -1)).map((logits, t) => softmax(logits)[tokens[t + 1]].log().mul(-1));
