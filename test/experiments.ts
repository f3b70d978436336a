// The experiments of README.md. `npm run experiments` does all of them, in a few minutes, and prints the tables.
// Options for all of them may follow: `npm run experiments -- --seed 43` shows what another seed makes of them. A row
// has a result for each of some numbers of steps. Some rows need changes to micro_gpt.ts, which are listed here.

import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { changed, load, namesFile, type Change, type Gpt } from './helpers.ts';

type Result = { loss: string; samples: string[]; trainedOn: string[]; seconds: number };
type Row = { name: string; options?: string; changes?: Change[]; steps: number[] };
type Table = { title: string; options: string; head: string[]; rows: Row[]; cells: (result: Result) => string[] };

// ---- The experiments

const attention: Change = ['x = add(x, attention(rmsnorm(x), layer, caches[i]));', ''];
const mlp: Change = ['x = add(x, mlp(rmsnorm(x), layer));', ''];
const start = 'add(model.wte[token], model.wpe[position])';
const scaling: Change = [`rmsnorm(${start})`, start];
const positions: Change = [start, 'model.wte[token]'];
const attentionAlone: Change = [attention[0], 'x = attention(rmsnorm(x), layer, caches[i]);'];
const mlpAlone: Change = [mlp[0], 'x = mlp(rmsnorm(x), layer);'];
const descent: Change = ['mean / (size + epsilon)', 'p.grad'];
const short = [1000, 10_000], long = [1000, 10_000, 30_000];

export const tables: Table[] = [
  {
    title: 'From babble to names',
    options: '--num-samples 5',
    head: ['options', 'what it invents'],
    rows: [0, 30, 100, 300, 1000, 10_000].map((n) => ({ name: `\`--num-samples 5 --num-steps ${n}\``, steps: [n] })),
    cells: ({ samples }) => [samples.join(', ')],
  },
  {
    title: 'Is more better?',
    options: '--eval 1000',
    head: ['options', '1000 steps', 'time', '10,000 steps', 'time', '50,000 steps', 'time'],
    rows: [
      { name: '`--eval 1000`', steps: [...short, 50_000] },
      ...['--n-layer 2', '--n-embd 32', '--learning-rate 0.005', '--n-embd 32 --learning-rate 0.005',
        '--n-embd 32 --n-layer 2 --learning-rate 0.005'].map((options) =>
        ({ name: `\`--eval 1000 ${options}\``, options, steps: short })),
    ],
    cells: ({ loss, seconds }) => [loss, `${Math.ceil(seconds)} s`],
  },
  {
    title: 'Take a part away',
    options: '--eval 500',
    head: ['taken away', 'this', 'becomes', '1000 steps', '10,000 steps', '30,000 steps'],
    rows: [
      { name: 'nothing', steps: long },
      { name: 'nothing (rate 0.005)', options: '--learning-rate 0.005', steps: long },
      { name: 'attention', changes: [attention], steps: long },
      { name: 'the MLP', changes: [mlp], steps: long },
      { name: 'the first RMSNorm', changes: [scaling], steps: long },
      { name: 'positions', changes: [positions], steps: long },
      { name: 'the sums', changes: [attentionAlone, mlpAlone], steps: long },
      { name: 'Adam (rate 0.01)', changes: [descent], steps: long },
      { name: 'Adam (rate 0.1)', changes: [descent], options: '--learning-rate 0.1', steps: long },
    ],
    cells: ({ loss }) => [loss],
  },
  {
    title: 'Are the names copies?',
    options: '',
    head: ['samples', 'are in names.txt', 'are among the 1000 trained on'],
    rows: [20, 1000].map((n) => ({ name: n.toLocaleString('en'), options: `--num-samples ${n}`, steps: [1000] })),
    cells: ({ samples, trainedOn }) => [names(), trainedOn].map((list) => {
      const known = new Set(list);
      return samples.filter((name) => known.has(name)).length.toLocaleString('en');
    }),
  },
];

// ---- How they are run

const names = (): string[] => readFileSync(namesFile, 'utf8').trim().split(/\s*\n\s*/);
const copies = new Map<string, Promise<Gpt>>(); // loaded copies of micro_gpt.ts, by their text

/** Does what main() does, and returns what it would print. */
async function run(options: string, changes: Change[] = []): Promise<Result> {
  const source = changed(...changes), copy = copies.get(source) ?? load(source);
  copies.set(source, copy);
  const gpt = await copy, { config } = gpt.parseCommandLine(options.trim().split(/ +/));
  const random = new gpt.Random(config.seed);
  const documents = random.shuffle(names()), tokenizer = gpt.createTokenizer(documents);
  const { training, heldOut } = gpt.holdOut(documents, config.eval), trainedOn = training.slice(0, config.numSteps);
  const start = performance.now();
  let loss = '', samples: string[] = [];
  gpt.tidy(() => {
    const model = gpt.createModel(config, tokenizer.vocabSize, () => random.gauss(0, 0.08));
    for (const _ of gpt.train(model, tokenizer, training));
    if (heldOut.length > 0) { // the first number with four decimals is the loss of the model
      const [printed] = gpt.evaluate(model, tokenizer, trainedOn, heldOut).match(/\d+\.\d{4}/)!;
      loss = Number(printed).toFixed(3);
    } else samples = Array.from({ length: config.numSamples }, () => gpt.sample(model, tokenizer, random));
  });
  return { loss, samples, trainedOn, seconds: (performance.now() - start) / 1000 };
}

/** The first cells of a row: its name, and what is changed, if the table has columns for that. */
export function firstCells({ head }: Table, { name, changes = [] }: Row): string[] {
  const code = (text: string) => (text === '' ? '(gone)' : `\`${text}\``);
  const column = (side: 0 | 1) => changes.map((change) => code(change[side])).join('<br>');
  return head.includes('becomes') ? [name, column(0), column(1)] : [name];
}
/** The cells after those: what comes of a row, with more options. */
export const results = async (table: Table, { options = '', changes }: Row, more: string): Promise<string[]> =>
  table.cells(await run(`${table.options} ${options} ${more}`, changes));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!existsSync(namesFile)) throw new Error('names.txt is not here: save it as input.txt in the project');
  const more = process.argv.slice(2).join(' ');
  const line = (cells: string[]) => console.log(`| ${cells.join(' | ')} |`);
  for (const table of tables) {
    console.log(`\n### ${table.title}\n`);
    line(table.head);
    line(table.head.map(() => '---'));
    for (const row of table.rows) {
      const cells = firstCells(table, row);
      for (const n of row.steps) cells.push(...await results(table, row, `--num-steps ${n} ${more}`));
      line(table.head.map((_, i) => cells[i] ?? ''));
    }
  }
}
