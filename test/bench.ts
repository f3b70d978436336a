// Times a training step (loss, backward, Adam) of micro_gpt.ts and of the same model on plain objects:
// npm run bench

import { cpus, loadavg } from 'node:os';
import * as gpt from '../micro_gpt.ts';
import { assertClose } from './helpers.ts';
import { copyModel, matricesOf, objectCosts, type ObjectModel } from './object_graph.ts';

const letters = 6; // of every name, as of the average name, so that all steps are equal work
const names = gpt.builtInNames.filter((name) => name.length === letters);
const tokenizer = gpt.createTokenizer(gpt.builtInNames);

/** Trains the model on objects, as train() does the other, but without end. */
function* trainObjects(model: ObjectModel): Generator<number> {
  const all: unknown = matricesOf(model).flatMap(([, matrix]) => matrix.flat());
  const nudge = gpt.adam(all as gpt.Value[]); // it needs only data and grad
  for (let step = 0; ; step++) {
    const costs = objectCosts(model, tokenizer.encode(names[step % names.length]));
    const loss = costs.reduce((total, cost) => total.add(cost)).div(costs.length);
    loss.backward();
    nudge(model.config.learningRate);
    yield loss.data;
  }
}

/** The first two losses (the second shows whether the first moved the parameters), and the speed. */
function measure(training: Generator<number>) {
  const step = () => training.next().value as number, losses = [step(), step()];
  const perSecond = (milliseconds: number) => {
    const start = performance.now();
    let steps = 0;
    do { step(); steps++; } while (performance.now() < start + milliseconds);
    return (1000 * steps) / (performance.now() - start);
  };
  perSecond(500); // to warm up
  return { losses, speed: perSecond(2000) };
}

console.log('| width | steps/s | with objects | ratio |\n| --: | --: | --: | --: |');
for (const width of ['16', '32', '64']) {
  const { config } = gpt.parseCommandLine(['--n-embd', width]), random = new gpt.Random(config.seed);
  const settings = { ...config, numSteps: 1e9, learningRate: 0.001 };
  const model = gpt.createModel(settings, tokenizer.vocabSize, () => random.gauss(0, 0.08));
  const copy = copyModel(model); // before the training changes it
  const tape = measure(gpt.train(model, tokenizer, names)), objects = measure(trainObjects(copy));
  assertClose(objects.losses, tape.losses);
  const ratio = (tape.speed / objects.speed).toFixed(0);
  console.log(`| ${width} | ${tape.speed.toFixed(0)} | ${objects.speed.toFixed(2)} | ${ratio} |`);
}
console.log(`\nnode ${process.version}, ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)} on ${cpus().length} CPUs, `
  + `${new Date().toISOString().slice(0, 10)}; names of ${letters} letters`);
