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

const widths = [16, 64, 128];
const letters = 6; // of every name we train on, as of the average name, so that all steps are equal work
const names = gpt.builtInNames.filter((name) => name.length === letters);
const tokenizer = gpt.createTokenizer(gpt.builtInNames);

// ---- The model on the object graph: that of micro_gpt.ts, line by line -----------------------------------
type Objects = ObjectValue[];
const copy = (w: gpt.Matrix): Objects[] => w.map((row) => row.map((x) => new ObjectValue(x.data)));
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
    return softmax(linear(lmHead, x))[next].log().mul(-1);
  })).div(tokens.length - 1);
}
function* trainObjects(model: ObjectModel): Generator<number, never> {
  const all = [model.wte, model.wpe, model.lmHead, ...model.layers.flatMap((w) => Object.values(w))].flat(2);
  const update = gpt.adam(all as unknown as gpt.Value[]); // it needs no more of them than data and grad
  for (let step = 0; ; step++) {
    const loss = objectLoss(model, tokenizer.encode(names[step % names.length]));
    loss.backward();
    update(model.config.learningRate);
    yield loss.data;
  }
}

// ---- Measuring -------------------------------------------------------------------------------------------
type Measurement = { seconds: number; megabytes: number }; // of a step; at the peak
function measure(kind: string, width: string): Measurement {
  const { config } = gpt.parseCommandLine(['--n-embd', width]);
  const random = new gpt.Random(config.seed), settings = { ...config, numSteps: 1e9, learningRate: 0.001 };
  const model = gpt.createModel(settings, tokenizer.vocabSize, () => random.gauss(0, 0.08));
  const tape = gpt.train(model, tokenizer, names);
  let step = () => tape.next().value!;
  if (kind === 'objects') {
    const objects = trainObjects(copyModel(model)), tapeStep = step;
    let checks = 2; // the second, after the parameters have moved, checks gradients and Adam too
    step = () => {
      const loss = objects.next().value;
      if (checks-- > 0) assert(Math.abs(loss - tapeStep()) < 1e-9, 'the losses differ');
      return loss;
    };
  }
  const secondsPerStep = (milliseconds: number) => {
    const start = performance.now();
    let steps = 0;
    do { step(); steps++; } while (performance.now() < start + milliseconds);
    return (performance.now() - start) / 1000 / steps;
  };
  const first = secondsPerStep(500); // warms up; a step that takes over 5 s we take only once
  return { seconds: first > 5 ? first : secondsPerStep(2000), megabytes: process.resourceUsage().maxRSS / 1024 };
}

const [kind, width] = process.argv.slice(2);
if (kind) console.log(JSON.stringify(measure(kind, width)));
else {
  const heap = `--max-old-space-size=${Math.floor((0.7 * totalmem()) / 2 ** 20)}`; // the objects need it
  const child = (...args: string[]): Measurement => {
    const all = [...process.execArgv, heap, fileURLToPath(import.meta.url), ...args];
    const { stdout, stderr, status } = spawnSync(process.execPath, all, { encoding: 'utf8' });
    assert(status === 0, stderr);
    return JSON.parse(stdout) as Measurement;
  };
  console.log('| width | steps/s | with objects | ratio | peak MB | with objects |\n| --: | --: | --: | --: | --: | --: |');
  for (const w of widths.map(String)) {
    const tape = child('tape', w), objects = child('objects', w);
    console.log(`| ${[w, (1 / tape.seconds).toFixed(0), (1 / objects.seconds).toFixed(2),
      (objects.seconds / tape.seconds).toFixed(0), tape.megabytes.toFixed(0), objects.megabytes.toFixed(0)].join(' | ')} |`);
  }
  console.log(`\nnode ${process.version}, ${cpus()[0].model}, ${new Date().toISOString().slice(0, 10)}; names of `
    + `${letters} letters; load ${loadavg()[0].toFixed(1)} on ${cpus().length} CPUs`);
}
