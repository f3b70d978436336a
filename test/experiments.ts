// The experiments of README.md. `npm run experiments` does all of them, in about three minutes, and prints the tables.
// A row has a name, and a result for each of some numbers of steps. Some rows need a changed copy of micro_gpt.ts. The
// changes are listed here: what is found in the file, and what takes its place.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { namesFile, path } from './helpers.ts';

type Gpt = typeof import('../micro_gpt.ts');
type Change = [from: string, to: string];
type Row = { name: string; options?: string; changes?: Change[]; steps: number[] };
type Table = {
  title: string; options: string; head: string[]; rows: Row[]; cells: (result: Result) => string[];
};
type Result = { loss: string; samples: string[]; trainedOn: string[]; seconds: number };

// ---- The experiments

const number = (n: number): string => n.toLocaleString('en');
const attention: Change = ['x = add(x, attention(rmsnorm(x), layer, caches[i]));', ''];
const mlp: Change = ['x = add(x, mlp(rmsnorm(x), layer));', ''];
const scaling: Change = ['rmsnorm(add(model.wte[token], model.wpe[position]))', 'add(model.wte[token], model.wpe[position])'];
const positions: Change = ['rmsnorm(add(model.wte[token], model.wpe[position]))', 'rmsnorm(model.wte[token])'];
const sums: Change[] = [
  [attention[0], 'x = attention(rmsnorm(x), layer, caches[i]);'],
  [mlp[0], 'x = mlp(rmsnorm(x), layer);'],
];
const descent: Change = ['(m[i] / mShare) / (Math.sqrt(v[i] / vShare) + epsilon)', 'p.grad'];

export const tables: Table[] = [
  {
    title: 'From babble to names',
    options: '--num-samples 5',
    head: ['options', 'what it invents'],
    rows: [0, 30, 100, 300, 1000, 10_000].map((n) => ({ name: `\`--num-samples 5 --num-steps ${n}\``, steps: [n] })),
    cells: ({ samples }) => [samples.join(', ')],
  },
  {
    title: 'What more buys you',
    options: '--eval 1000',
    head: ['options', '1000 steps', 'time', '10,000 steps', 'time', '50,000 steps', 'time'],
    rows: [
      { options: '', steps: [1000, 10_000, 50_000] },
      { options: '--n-layer 2', steps: [1000, 10_000] },
      { options: '--n-embd 32', steps: [1000, 10_000] },
      { options: '--learning-rate 0.005', steps: [1000, 10_000] },
      { options: '--n-embd 32 --learning-rate 0.005', steps: [1000, 10_000] },
      { options: '--n-embd 32 --n-layer 2 --learning-rate 0.005', steps: [1000, 10_000] },
    ].map((row) => ({ ...row, name: `\`${`--eval 1000 ${row.options}`.trim()}\`` })),
    cells: ({ loss, seconds }) => [loss, `${Math.ceil(seconds)} s`],
  },
  {
    title: 'Take a part away',
    options: '--eval 500',
    head: ['taken away', 'this', 'becomes', '1000 steps', '10,000 steps', '30,000 steps'],
    rows: [
      { name: 'nothing', steps: [1000, 10_000, 30_000] },
      { name: 'nothing (rate 0.005)', options: '--learning-rate 0.005', steps: [1000, 10_000, 30_000] },
      { name: 'attention', changes: [attention], steps: [1000, 10_000, 30_000] },
      { name: 'the MLP', changes: [mlp], steps: [1000, 10_000, 30_000] },
      { name: 'the first RMSNorm', changes: [scaling], steps: [1000, 10_000, 30_000] },
      { name: 'positions', changes: [positions], steps: [1000, 10_000, 30_000] },
      { name: 'the sums', changes: sums, steps: [1000, 10_000, 30_000] },
      { name: 'Adam (rate 0.01)', changes: [descent], steps: [1000, 10_000, 30_000] },
      { name: 'Adam (rate 0.1)', changes: [descent], options: '--learning-rate 0.1', steps: [1000, 10_000, 30_000] },
    ],
    cells: ({ loss }) => [loss],
  },
];

/** How many of the first 20 samples, and of 1000, are real names, and how many are names that training has seen. */
export async function copiesTable(): Promise<string[]> {
  const { samples, trainedOn } = await run('--num-samples 1000', 1000);
  const real = new Set(names()), seen = new Set(trainedOn);
  const rows = [20, 1000].map((n) => {
    const some = samples.slice(0, n);
    return [number(n), ...[real, seen].map((set) => number(some.filter((name) => set.has(name)).length))];
  });
  return [['samples', 'are in names.txt', 'are among the 1000 trained on'], ...rows].map(line);
}

// ---- How they are run

const names = (): string[] => readFileSync(namesFile, 'utf8').split('\n').map((name) => name.trim()).filter(Boolean);
const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
const source = readFileSync(path('../micro_gpt.ts'), 'utf8');
const copies = new Map<string, Promise<Gpt>>();

/** micro_gpt.ts with these changes, from a folder that is gone when it is loaded. */
function copyWith(changes: Change[]): Promise<Gpt> {
  const text = changes.reduce((text, [from, to]) => {
    if (text.split(from).length !== 2) throw new Error(`"${from}" should be in micro_gpt.ts, once`);
    return text.replace(from, () => to);
  }, source);
  let copy = copies.get(text);
  if (!copy) {
    const folder = mkdtempSync(join(tmpdir(), 'micro gpt '));
    const file = join(folder, 'micro_gpt.ts');
    writeFileSync(file, text);
    copy = (import(`${pathToFileURL(file)}`) as Promise<Gpt>).finally(() => rmSync(folder, { recursive: true }));
    copies.set(text, copy);
  }
  return copy;
}

/** Does what main() does, and returns what it would print. */
async function run(options: string, steps: number, changes: Change[] = []): Promise<Result> {
  const gpt = await copyWith(changes);
  const { config } = gpt.parseCommandLine(`${options} --num-steps ${steps}`.trim().split(/ +/));
  const random = new gpt.Random(config.seed);
  const documents = random.shuffle(names());
  const tokenizer = gpt.createTokenizer(documents);
  const { training, heldOut } = gpt.holdOut(documents, config.eval);
  const trainedOn = training.slice(0, steps);
  let loss = '', samples: string[] = [];
  const start = performance.now();
  gpt.tidy(() => {
    const model = gpt.createModel(config, tokenizer.vocabSize, () => random.gauss(0, 0.08));
    for (const _ of gpt.train(model, tokenizer, training));
    if (heldOut.length > 0) {
      const [, printed] = gpt.evaluate(model, tokenizer, trainedOn, heldOut).match(/this model: +([\d.]+)/)!;
      loss = Number(printed).toFixed(3);
    } else samples = Array.from({ length: config.numSamples }, () => gpt.sample(model, tokenizer, random));
  });
  return { loss, samples, trainedOn, seconds: (performance.now() - start) / 1000 };
}

/** The cells of a row: its name, what was changed (if the table has columns for that), and the results. */
export async function cellsOf(table: Table, { name, options = '', changes, steps }: Row): Promise<string[]> {
  const cells = [name];
  if (table.head.includes('becomes')) {
    const code = (text: string) => (text === '' ? '(gone)' : `\`${text}\``);
    for (const side of [0, 1]) cells.push((changes ?? []).map((change) => code(change[side])).join('<br>'));
  }
  for (const n of steps) cells.push(...table.cells(await run(`${table.options} ${options}`, n, changes)));
  return cells;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!existsSync(namesFile)) {
    console.error('names.txt is not here: run micro_gpt.ts once in the project, which saves it as input.txt');
    process.exit(1);
  }
  const rule = (width: number) => line(new Array<string>(width).fill('---'));
  for (const table of tables) {
    console.log(`\n### ${table.title}\n\n${line(table.head)}\n${rule(table.head.length)}`);
    for (const row of table.rows) {
      const cells = await cellsOf(table, row);
      console.log(line([...cells, ...new Array<string>(table.head.length - cells.length).fill('')]));
    }
  }
  const [head, ...rows] = await copiesTable();
  console.log(`\n### Are the names copies?\n\n${[head, rule(3), ...rows].join('\n')}`);
}
