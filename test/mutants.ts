// Are the tests any good? This breaks micro_gpt.ts in many ways, one at a time, each in a folder of its own,
// and expects a test to fail every time. Minutes, so it is no part of the suite:
//
//   node --import tsx test/mutants.ts

import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** What is broken, a text that is once in micro_gpt.ts, and what comes in its place. */
type Mutant = readonly [broken: string, text: string, replacement: string];

const mutants: Mutant[] = [
  // Tokenizer
  ['tokens in the order of UTF-16', '.sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!)', '.sort()'],
  ['an unknown character is accepted', 'if (unknown !== undefined) throw', 'if (false) throw'],
  // Autograd
  ['backward subtracts', 'grads[a] += dLeft', 'grads[a] -= dLeft'],
  ['backward overwrites what it should add to', 'grads[b] += dRight', 'grads[b] = dRight'],
  ['sub: derivative 1 instead of -1', 'y, -1); }', 'y, 1); }'],
  ['mul: derivative by y is y', 'y, this.data); }', 'y, raw(y)); }'],
  ['div: derivative lacks a square', '-this.data / raw(y) ** 2', '-this.data / raw(y)'],
  ['pow: derivative of too high a power', 'n * this.data ** (n - 1)', 'n * this.data ** n'],
  ['exp: derivative is x', 'this, Math.exp(this.data)); }', 'this, this.data); }'],
  ['log: derivative is x', 'this, 1 / this.data); }', 'this, this.data); }'],
  ['relu: lets every gradient through', 'this.data > 0 ? 1 : 0', '1'],
  ['relu: steep at 0', 'this.data > 0 ? 1 : 0', 'this.data >= 0 ? 1 : 0'],
  ['dot: derivative is the wrong factor', 'grads[a] += numbers[b] * g', 'grads[a] += numbers[a] * g'],
  ['dot: takes vectors that differ in length', 'if (a.length !== b.length) throw', 'if (false) throw'],
  ['vector() does not copy', 'neighbours ? values : values.map((x) => x.mul(1))', 'values'],
  ['gradients of an earlier backward stay', 'if (left[slot] !== 0) grads[slot] = 0;', ';'],
  ['a slot used again keeps its gradient', '  grad[top] = 0;\n', ''],
  ['a full tape is written beyond its end', 'if (top === data.length) throw', 'if (false) throw'],
  ['every leaf ends the way back', 'if (top === leaves) leaves++', 'leaves = top + 1'],
  ['tidy does not restore leaves', '    leaves = Math.min(leaves, start);\n', ''],
  ['tidy gives no slots back', '    top = start;\n', ''],
  // Model
  ['softmax without the largest', 'score.sub(largest).exp()', 'score.exp()'],
  ['rmsnorm without 1e-5', '.add(1e-5)', ''],
  ['no residual around attention', 'add(x, attention(', '(x, attention('], // comma operator: only the latter
  ['no residual around the mlp', 'add(x, mlp(', '(x, mlp('],
  ['mlp without relu', 'relu(linear(layer.fc1, x))', 'linear(layer.fc1, x)'],
  ['attention is not scaled', '.div(Math.sqrt(headDim))', ''],
  ['heads mixed up', 'weights[Math.floor(i / headDim)]', 'weights[i % nHead]'],
  ['every head reads the first part', 'v.slice(head * headDim, (head + 1) * headDim)', 'v.slice(0, headDim)'],
  ['wk and wv swapped', 'keys.push(split(linear(layer.wk, x)));\n  values.push(linear(layer.wv, x))',
    'keys.push(split(linear(layer.wv, x)));\n  values.push(linear(layer.wk, x))'],
  ['nothing is put into the cache', 'layer, caches[i], model', 'layer, { keys: [], values: [], seen: [] }, model'],
  // Training
  ['causality: it sees the answer', '[position], position, caches))', '[position + 1], position, caches))'],
  ['loss leaves out the end of the block', 'config.blockSize, tokens', 'config.blockSize - 1, tokens'],
  ['loss leaves out the last character', 'blockSize, tokens.length - 1)', 'blockSize, tokens.length - 2)'],
  ['adam: another beta1', 'beta1 = 0.85', 'beta1 = 0.9'],
  ['adam: another beta2', 'beta2 = 0.99', 'beta2 = 0.999'],
  ['adam: another epsilon', 'epsilon = 1e-8', 'epsilon = 1e-7'],
  ['adam: m keeps its bias', 'm[i] / correction1', 'm[i]'],
  ['adam does not clear gradients', 'p.grad = 0; //', '//'],
  ['the learning rate shrinks too early', '1 - step / numSteps', '1 - (step + 1) / numSteps'],
  ['documents do not come round', 'step % documents.length', 'Math.min(step, documents.length - 1)'],
  ['a loss that is not finite is accepted', 'if (!Number.isFinite(loss)) throw', 'if (false) throw'],
  // Sampling and random numbers
  ['temperature multiplies', 'logit.div(temperature)', 'logit.mul(temperature)'],
  ['a sample is one too short', 'position < blockSize; position++', 'position < blockSize - 1; position++'],
  ['BOS does not end a sample', '      if (next === tokenizer.bos) break;\n', ''],
  ['the prompt is left a token too early', '< tokens.length - 1) c', '< tokens.length - 2) c'],
  ['another constant in the seeding', '1812433253', '1812433254'],
  ['gauss gives the sine first', 'angle = 2 * Math.PI', 'angle = Math.PI / 2 - 2 * Math.PI'],
  ['shuffle leaves nothing where it is', 'while (j > i)', 'while (j >= i)'],
  ['choose takes what has no weight', 't <= part', 't < part'],
  ['numbers above the range are accepted', 'n >= least && n <= most', 'n >= least'],
  ['heads that do not divide the width', 'if (config.nEmbd % config.nHead !== 0)', 'if (false)'],
  ['a model larger than the memory', 'if (size > 7e6) throw', 'if (false) throw'],
  ['exit code 1 for a wrong option', '{ exitCode: 2 }', '{ exitCode: 1 }'],
  ['exit code 0 after an error', '    process.exitCode = error.exitCode;\n', ''],
  // The tools
  ['held-out documents are trained on', 'return { training, heldOut: [', 'return { training: documents, heldOut: ['],
  ['held out under a name that is trained on', '!trained.has(document)', 'true'],
  ['too few left over, but none held out', 'unused.length < count ? distinct : unused', 'unused'],
  ['bigrams of what was not trained on', 'training.slice(0, steps)', 'training'],
  ['a message of several lines', ".replace(/\\p{Cc}/gu, ' ')", ''],
  ['a prompt that --explain ignores', 'if (prompt && explain) throw', 'if (false) throw'],
  ['bigrams without add-one', 'fill(1)', 'fill(0)'],
  ['the evaluation counts documents', '.data) * (tokens.length - 1)', '.data)'],
  ['explain: probability of the wrong token', 'next = tokens[position + 1]', 'next = tokens[position]'],
  ['no handler for Ctrl-C', "process.once('SIGINT', stop);", ''],
  ['the handler for Ctrl-C stays', "process.off('SIGINT', stop);", ''],
  ['no handler for a closed pipe', "process.stdout.on('error'", "process.stdout.on('never'"],
  ['a closed pipe is not noticed', '    await breathe();\n    if (stopped)', '    if (stopped)'],
  ['any status is accepted', 'if (response.status !== 200) throw', 'if (false) throw'],
  ['any bytes are accepted', 'if (!isUtf8(bytes)) {', 'if (false) {'],
  ['web pages are accepted', 'if (/^\\s*<[!?a-z]/i.test(text)) throw', 'if (false) throw'],
  ['an empty text is accepted', "if (text.trim() === '') throw", 'if (false) throw'],
  ['input.txt is not put in its place', '.then(() => rename(temporary, file))', ''],
  ['input.txt is written in its place', '`${file}.${process.pid}.tmp`', 'file'],
  ['the temporary file is left behind', '      return rm(temporary, { force: true });\n', ''],
  ['the built-in names are kept', 'return builtIn', 'await writeFile(file, builtInNames);\nreturn builtIn'],
  ['a server may be silent for ever', 'abort.abort(new Error(`nothing', 'void (new Error(`nothing'],
];
/** Broken in what they say and not in what they do, which claims.test.ts is there to see, and only it. */
const untruths: Mutant[] = [
  ['a wrong gradient in a comment', 'grad    16 ', 'grad    15 '],
  ['a wrong rmsnorm in a comment', '[0.8485, 1.1314]', '[0.8485, 1.1315]'],
  ['an option that README tells otherwise', 'layers (attention, then MLP), one', 'layers, one'],
];

const tests = ['tokenizer', 'random', 'model', 'training', 'autograd', 'data', 'inside', 'cli'];
const project = fileURLToPath(new URL('../', import.meta.url));
const source = readFileSync(join(project, 'micro_gpt.ts'), 'utf8');
const temporary = mkdtempSync(join(tmpdir(), 'mutants-'));
const running = new Set<number>(); // groups of processes
process.on('exit', () => {
  for (const group of running) process.kill(-group, 'SIGKILL');
  rmSync(temporary, { recursive: true });
});
process.on('SIGINT', () => process.exit(130));

/** The first test in a file that fails, or undefined. */
async function failure(folder: string, file: string): Promise<string | undefined> {
  const args = ['--import', 'tsx', '--test', '--test-reporter', 'tap', `test/${file}.test.ts`];
  const child = spawn(process.execPath, args, { cwd: folder, detached: true });
  const group = child.pid ?? process.exit(1);
  running.add(group);
  let [output, late] = ['', false];
  child.stdout.on('data', (chunk: Buffer) => { output += chunk; });
  child.stderr.resume(); // unread, it might fill up
  const end = () => { try { process.kill(-group, 'SIGKILL'); } catch { /* all have ended */ } };
  const timer = setTimeout(() => { late = true; end(); }, 60_000);
  const code = await new Promise<number | null>((done) => child.on('close', done));
  clearTimeout(timer);
  end(); // what the tests started and left
  running.delete(group);
  if (late) return 'more than 60 s';
  return code === 0 ? undefined : /^ *not ok \d+ - (.*)/m.exec(output)?.[1] ?? `exit code ${code}`;
}

let folders = 0;
/** The file and the test that catch a changed program, or undefined. */
async function caughtBy(program: string, files: string[]): Promise<string | undefined> {
  const folder = join(temporary, `${++folders}`);
  mkdirSync(folder);
  for (const name of ['package.json', 'tsconfig.json', 'README.md', 'LICENSE', '.ci', 'test']) {
    cpSync(join(project, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'micro_gpt.ts'), program);
  for (const file of files) {
    const failed = await failure(folder, file);
    if (failed?.endsWith('.test.ts')) throw new Error(`${file} does not even load: ${failed}`);
    if (failed !== undefined) return `${file}: ${failed}`;
  }
  return undefined;
}

const all = [...mutants, ...untruths];
const stale = all.filter(([, text]) => source.split(text).length !== 2);
for (const [broken, text] of stale) console.log(`not once in micro_gpt.ts: ${text} (${broken})`);
if (stale.length > 0) process.exit(1);
const already = await caughtBy(source, [...tests, 'claims']);
if (already !== undefined) throw new Error(`micro_gpt.ts itself fails ${already}`);

let survived = 0;
const queue = all.values();
async function work(): Promise<void> {
  for (const mutant of queue) { // which the workers share
    const [broken, text, replacement] = mutant;
    const files = untruths.includes(mutant) ? ['claims'] : tests;
    const by = await caughtBy(source.replace(text, () => replacement), files);
    if (by === undefined) survived++;
    console.log(`${broken}: ${by === undefined ? 'SURVIVED' : `caught by ${by}`}`);
  }
}
await Promise.all([work(), work()]);
console.log(`${all.length - survived} caught, ${survived} survived`);
process.exitCode = survived > 0 ? 1 : 0;
