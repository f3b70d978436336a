/**
 * Times a training step (loss, backward, Adam) of micro_gpt.ts and of the same model on the plain object graph.
 *   node --import tsx test/bench.ts
 * Each measurement has a process of its own: this file calls itself, with arguments.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import {
  builtInNames, createModel, parameters, parseCommandLine, Random, splitDocuments, Tokenizer, train,
} from '../micro_gpt.ts';
import type { Model, Vector } from '../micro_gpt.ts';
import { ObjectValue } from './object_graph.ts';

const widths = [16, 32, 64, 128];
const layerCounts = [1, 2, 4];
const letters = 6; // of every name we train on, as of the average name, so that all steps are equal work
const names = splitDocuments(builtInNames).filter((name) => name.length === letters);
const tokenizer = new Tokenizer(builtInNames.replaceAll('\n', ''));

// ---- The model on the object graph: that of micro_gpt.ts, line by line -----------------------------------

type Objects = ObjectValue[];
type ObjectMatrix = Objects[];
const copy = (w: readonly Vector[]): ObjectMatrix => w.map((row) => row.map((x) => new ObjectValue(x.data)));
const copyModel = ({ config, wte, wpe, lmHead, layers }: Model) => ({
  config, wte: copy(wte), wpe: copy(wpe), lmHead: copy(lmHead),
  layers: layers.map(({ wq, wk, wv, wo, fc1, fc2 }) => (
    { wq: copy(wq), wk: copy(wk), wv: copy(wv), wo: copy(wo), fc1: copy(fc1), fc2: copy(fc2) })),
});
type ObjectModel = ReturnType<typeof copyModel>;

const sum = (x: Objects): ObjectValue => x.reduce((total, xi) => total.add(xi));
const add = (x: Objects, y: Objects): Objects => x.map((xi, i) => xi.add(y[i]));
function dot(a: Objects, b: Objects): ObjectValue {
  let total = a[0].mul(b[0]);
  for (let i = 1; i < a.length; i++) total = total.add(a[i].mul(b[i]));
  return total;
}
const linear = (w: ObjectMatrix, x: Objects): Objects => w.map((row) => dot(row, x));
function softmax(scores: Objects): Objects {
  const largest = Math.max(...scores.map((score) => score.data));
  const powers = scores.map((score) => score.sub(largest).exp());
  const total = sum(powers);
  return powers.map((power) => power.div(total));
}
function rmsnorm(x: Objects): Objects {
  const scale = dot(x, x).div(x.length).add(1e-5).pow(-0.5);
  return x.map((xi) => xi.mul(scale));
}
function objectLoss({ config, wte, wpe, lmHead, layers }: ObjectModel, tokens: number[]): ObjectValue {
  const headDim = config.nEmbd / config.nHead;
  const caches = layers.map(() => ({ keys: [] as ObjectMatrix, values: [] as ObjectMatrix }));
  return sum(tokens.slice(1).map((next, position) => {
    let x = rmsnorm(add(wte[tokens[position]], wpe[position]));
    layers.forEach(({ wq, wk, wv, wo, fc1, fc2 }, i) => {
      const normed = rmsnorm(x), query = linear(wq, normed), { keys, values } = caches[i];
      keys.push(linear(wk, normed));
      values.push(linear(wv, normed));
      const weights = Array.from({ length: config.nHead }, (_, head) => {
        const part = (v: Objects) => v.slice(head * headDim, (head + 1) * headDim);
        const q = part(query);
        return softmax(keys.map((key) => dot(q, part(key)).div(Math.sqrt(headDim))));
      });
      x = add(x, linear(wo, x.map((_, j) => dot(weights[Math.floor(j / headDim)], values.map((v) => v[j])))));
      x = add(x, linear(fc2, linear(fc1, rmsnorm(x)).map((h) => h.relu())));
    });
    return softmax(linear(lmHead, x))[next].log().neg();
  })).div(tokens.length - 1);
}
function* trainObjects(model: ObjectModel): Generator<number, never> {
  const all = [model.wte, model.wpe, model.lmHead, ...model.layers.flatMap((w) => Object.values(w))].flat(2);
  const m = new Float64Array(all.length), v = new Float64Array(all.length);
  for (let step = 1; ; step++) {
    const loss = objectLoss(model, tokenizer.encode(names[(step - 1) % names.length]));
    loss.backward();
    const correction1 = 1 - 0.85 ** step, correction2 = 1 - 0.99 ** step;
    for (const [i, p] of all.entries()) {
      m[i] = 0.85 * m[i] + 0.15 * p.grad;
      v[i] = 0.99 * v[i] + 0.01 * p.grad ** 2;
      p.data -= model.config.learningRate * (m[i] / correction1) / (Math.sqrt(v[i] / correction2) + 1e-8);
      p.grad = 0;
    }
    yield loss.data;
  }
}

// ---- Measuring -------------------------------------------------------------------------------------------

type Measurement = { seconds: number; megabytes: number }; // of one step; the peak of the process

function measure(kind: string, width: string, layers: string): Measurement {
  const { config } = parseCommandLine(['--n-embd', width, '--n-layer', layers, '--learning-rate', '0.001']);
  const random = new Random(config.seed);
  const model = createModel({ ...config, numSteps: 1e9 }, tokenizer.vocabSize, () => random.gauss(0, 0.08));
  const tape = train(model, tokenizer, names);
  let step = () => tape.next().value!.loss;
  if (kind === 'objects') {
    const objects = trainObjects(copyModel(model));
    const objectStep = () => objects.next().value;
    // The second loss comes after a move of the parameters, so it checks the gradients and Adam as well.
    for (let i = 0; i < 2; i++) assert(Math.abs(objectStep() - step()) < 1e-9, 'the losses differ');
    step = objectStep;
  }
  const run = (milliseconds: number, least: number): number => {
    const start = performance.now();
    let steps = 0;
    while (steps < least || performance.now() < start + milliseconds) { step(); steps++; }
    return (performance.now() - start) / 1000 / steps;
  };
  run(400, kind === 'objects' ? 0 : 3); // warms up; the objects have had their first steps above
  return { seconds: run(1000, 2), megabytes: process.resourceUsage().maxRSS / 1024 };
}

/** The multiply-adds of a step in matrix-vector products and attention: one way there, two products back. */
function multiplyAdds(width: number, layers: number): number {
  const n = letters + 1; // positions; position t attends to t + 1, with a score and a share of the value each
  const perLayer = n * 12 * width ** 2 + 2 * width * (n * (n + 1)) / 2;
  return 3 * (layers * perLayer + n * tokenizer.vocabSize * width);
}

if (process.argv.length > 2) {
  const [kind, width, layers] = process.argv.slice(2);
  console.log(JSON.stringify(measure(kind, width, layers)));
} else {
  const start = performance.now();
  const heap = `--max-old-space-size=${Math.floor((0.7 * totalmem()) / 2 ** 20)}`; // the objects need it
  const child = (...args: (string | number)[]) => JSON.parse(execFileSync(process.execPath, [
    ...process.execArgv, heap, fileURLToPath(import.meta.url), ...args.map(String),
  ], { encoding: 'utf8' })) as Measurement;
  console.log('| width | layers | tape steps/s | objects steps/s | ratio | tape ns/multiply-add '
    + '| tape peak MB | objects peak MB |');
  console.log('| ----: | -----: | -----------: | --------------: | ----: | -------------------: '
    + '| -----------: | --------------: |');
  const costs = layerCounts.map((layers) => widths.map((width) => {
    const tape = child('tape', width, layers), objects = child('objects', width, layers);
    const cost = (tape.seconds * 1e9) / multiplyAdds(width, layers);
    const cells: [number, number, number][] = [ // number, decimals, columns
      [width, 0, 5], [layers, 0, 6], [1 / tape.seconds, 1, 12], [1 / objects.seconds, 2, 15],
      [objects.seconds / tape.seconds, 1, 5], [cost, 2, 20],
      [tape.megabytes, 0, 12], [objects.megabytes, 0, 15],
    ];
    console.log(`| ${cells.map(([x, decimals, n]) => x.toFixed(decimals).padStart(n)).join(' | ')} |`);
    return cost;
  }));
  const idle = (process.resourceUsage().maxRSS / 1024).toFixed(0);
  console.log(`\nnode ${process.version}, ${cpus()[0].model}, ${new Date().toISOString().slice(0, 10)}; names of `
    + `${letters} letters; of the memory, ${idle} MB is node itself; `
    + `took ${((performance.now() - start) / 1000).toFixed(0)} s`);
  console.log(`Cost per multiply-add at width 128 no higher than at 16: ${costs.map((row, i) =>
    `${layerCounts[i]} layer${layerCounts[i] > 1 ? 's' : ''} ${row[3] <= row[0] ? 'yes' : 'NO'} `
    + `(${row[3].toFixed(2)}, ${row[0].toFixed(2)} ns)`).join('; ')}`);
}
