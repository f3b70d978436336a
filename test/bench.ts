/**
 * Times a training step (loss, backward, Adam) of micro_gpt.ts and of the same model on plain objects, each
 * in a process of its own (this file, with arguments): node --import tsx test/bench.ts
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as gpt from '../micro_gpt.ts';
import { ObjectValue } from './object_graph.ts';

const widths = [16, 32, 64, 128], layerCounts = [1, 2, 4];
const letters = 6; // of every name we train on, as of the average name, so that all steps are equal work
const names = gpt.splitDocuments(gpt.builtInNames).filter((name) => name.length === letters);
const tokenizer = new gpt.Tokenizer(gpt.builtInNames.replaceAll('\n', ''));

// ---- The model on the object graph: that of micro_gpt.ts, line by line -----------------------------------
type Objects = ObjectValue[];
const copy = (w: readonly gpt.Vector[]): Objects[] => w.map((row) => row.map((x) => new ObjectValue(x.data)));
const copyModel = ({ config, wte, wpe, lmHead, layers }: gpt.Model) => ({
  config, wte: copy(wte), wpe: copy(wpe), lmHead: copy(lmHead), layers: layers.map((w) => (
    { wq: copy(w.wq), wk: copy(w.wk), wv: copy(w.wv), wo: copy(w.wo), fc1: copy(w.fc1), fc2: copy(w.fc2) })),
});
type ObjectModel = ReturnType<typeof copyModel>;
const sum = (x: Objects): ObjectValue => x.reduce((total, xi) => total.add(xi));
const add = (x: Objects, y: Objects): Objects => x.map((xi, i) => xi.add(y[i]));
function dot(a: Objects, b: Objects): ObjectValue {
  let total = a[0].mul(b[0]);
  for (let i = 1; i < a.length; i++) total = total.add(a[i].mul(b[i]));
  return total;
}
const linear = (w: Objects[], x: Objects): Objects => w.map((row) => dot(row, x));
function softmax(scores: Objects): Objects {
  const largest = Math.max(...scores.map((score) => score.data));
  const powers = scores.map((score) => score.sub(largest).exp()), total = sum(powers);
  return powers.map((power) => power.div(total));
}
const rms = (x: Objects) => dot(x, x).div(x.length).add(1e-5);
const rmsnorm = (x: Objects, scale = rms(x).pow(-0.5)): Objects => x.map((xi) => xi.mul(scale));
function objectLoss({ config, wte, wpe, lmHead, layers }: ObjectModel, tokens: number[]): ObjectValue {
  const headDim = config.nEmbd / config.nHead;
  const caches = layers.map(() => ({ keys: [] as Objects[][], values: [] as Objects[] }));
  return sum(tokens.slice(1).map((next, position) => {
    let x = rmsnorm(add(wte[tokens[position]], wpe[position]));
    layers.forEach(({ wq, wk, wv, wo, fc1, fc2 }, i) => {
      const normed = rmsnorm(x), { keys, values } = caches[i];
      const split = (v: Objects) =>
        Array.from({ length: config.nHead }, (_, head) => v.slice(head * headDim, (head + 1) * headDim));
      const queries = split(linear(wq, normed));
      keys.push(split(linear(wk, normed))), values.push(linear(wv, normed));
      const weights = queries.map((query, head) =>
        softmax(keys.map((key) => dot(query, key[head]).div(Math.sqrt(headDim)))));
      x = add(x, linear(wo, x.map((_, j) => dot(weights[Math.floor(j / headDim)], values.map((v) => v[j])))));
      x = add(x, linear(fc2, linear(fc1, rmsnorm(x)).map((h) => h.relu())));
    });
    return softmax(linear(lmHead, x))[next].log().neg();
  })).div(tokens.length - 1);
}
function* trainObjects(model: ObjectModel): Generator<number, never> {
  const all = [model.wte, model.wpe, model.lmHead, ...model.layers.flatMap((w) => Object.values(w))].flat(2);
  const move = gpt.adam(all as unknown as gpt.Value[]); // it needs no more of them than data and grad
  for (let step = 0; ; step++) {
    const loss = objectLoss(model, tokenizer.encode(names[step % names.length]));
    loss.backward();
    move(model.config.learningRate);
    yield loss.data;
  }
}

// ---- Measuring -------------------------------------------------------------------------------------------
type Measurement = { wall: number; cpu: number; megabytes: number }; // seconds of a step, all threads; peak
const patience = 20; // seconds for a step; a slower one has no result, only a bound
function measure(kind: string, width: string, layers: string): Measurement {
  const { config } = gpt.parseCommandLine(['--n-embd', width, '--n-layer', layers]);
  const random = new gpt.Random(config.seed), settings = { ...config, numSteps: 1e9, learningRate: 0.001 };
  const model = gpt.createModel(settings, tokenizer.vocabSize, () => random.gauss(0, 0.08));
  const tape = gpt.train(model, tokenizer, names);
  let step = () => tape.next().value!.loss;
  if (kind === 'objects') {
    const objects = trainObjects(copyModel(model)), tapeStep = step;
    let checks = 2; // the second, after the parameters have moved, checks gradients and Adam too
    step = () => {
      const loss = objects.next().value;
      if (checks-- > 0) assert(Math.abs(loss - tapeStep()) < 1e-9, 'the losses differ');
      return loss;
    };
  }
  const run = (milliseconds: number) => { // wall and CPU seconds per step
    const start = performance.now(), before = process.cpuUsage();
    let steps = 0;
    do { step(); steps++; } while (performance.now() < start + milliseconds);
    const { user, system } = process.cpuUsage(before);
    return { wall: (performance.now() - start) / 1000 / steps, cpu: (user + system) / 1e6 / steps };
  };
  const first = run(400); // warms up; a step that takes over 5 s we take only once
  return { ...(first.wall > 5 ? first : run(1000)), megabytes: process.resourceUsage().maxRSS / 1024 };
}

/** The multiply-adds of a step in matrix-vector products and attention: one way there, two products back. */
function multiplyAdds(width: number, layers: number): number {
  const n = letters + 1; // positions; position t attends to t + 1, with a score and a share of the value each
  return 3 * width * (layers * (n * 12 * width + n * (n + 1)) + n * tokenizer.vocabSize);
}

const [kind, width, layers] = process.argv.slice(2);
if (kind) console.log(JSON.stringify(measure(kind, width, layers)));
else {
  const start = performance.now();
  const heap = `--max-old-space-size=${Math.floor((0.7 * totalmem()) / 2 ** 20)}`; // the objects need it
  const child = (...args: (string | number)[]): Measurement | undefined => {
    const all = [...process.execArgv, heap, fileURLToPath(import.meta.url), ...args.map(String)];
    const timeout = 1000 * (patience + 5); // 5 s to start and to make the model
    const { stdout, stderr, status, error } = spawnSync(process.execPath, all, { encoding: 'utf8', timeout });
    assert(status === 0 || (error && 'code' in error && error.code === 'ETIMEDOUT'), stderr);
    return status === 0 ? JSON.parse(stdout) as Measurement : undefined;
  };
  const titles = ['width', 'layers', 'tape steps/s', 'objects steps/s', 'ratio', 'CPU ratio',
    'tape CPU ns/multiply-add', 'tape peak MB', 'objects peak MB'];
  const row = (cells: string[]) =>
    console.log(`| ${cells.map((text, i) => text.padStart(titles[i].length)).join(' | ')} |`);
  row(titles), row(titles.map((title) => `${'-'.repeat(title.length - 1)}:`));
  const costs = layerCounts.map((layers) => widths.map((width) => {
    const tape = child('tape', width, layers), objects = child('objects', width, layers);
    assert(tape);
    const cost = (tape.cpu * 1e9) / multiplyAdds(width, layers);
    const seconds = objects?.wall ?? patience, bound = objects ? ['', ''] : ['< ', '> '];
    row([`${width}`, `${layers}`, (1 / tape.wall).toFixed(1), bound[0] + (1 / seconds).toFixed(3),
      bound[1] + (seconds / tape.wall).toFixed(0),
      objects ? (objects.cpu / tape.cpu).toFixed(0) : '?', cost.toFixed(2),
      tape.megabytes.toFixed(0), objects?.megabytes.toFixed(0) ?? '?']);
    return cost;
  }));
  console.log(`\nnode ${process.version}, ${cpus()[0].model}, ${new Date().toISOString().slice(0, 10)}; `
    + `names of ${letters} letters; took ${((performance.now() - start) / 1000).toFixed(0)} s; `
    + `load ${loadavg()[0].toFixed(1)} on ${cpus().length} CPUs`);
  console.log(`Cost per multiply-add at width 128 no higher than at 16: ${costs.map(([least, , , most], i) =>
    `${layerCounts[i]} layers ${most <= least ? 'yes' : 'NO'} (${most.toFixed(2)}, ${least.toFixed(2)} ns)`)
    .join('; ')}`);
}
