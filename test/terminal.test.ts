// What the program shows on a terminal, and what Ctrl-C does there. The terminals are real: script(1) makes them.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { describe, test, type TestContext } from 'node:test';
import { builtInNames, createModel, createTokenizer, evaluate, holdOut, Random } from '../micro_gpt.ts';
import { assertClose, commandLine, defaults, oneLine, run, temporaryFolder, tiny } from './helpers.ts';

/** The program on a terminal, running. */
function start(t: TestContext, columns: number, args: string[], TERM = 'xterm') {
  const words = commandLine(args).map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const env = { ...process.env, SHELL: '/bin/sh', TERM };
  const child = spawn('script', ['-qec', `stty cols ${columns}; exec ${words}`, '/dev/null'], { env });
  t.after(() => child.kill('SIGKILL'));
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => { shown += text; });
  const end = once(child, 'close').then(([code]) => ({ code: code as number, shown: shown.replaceAll('\r\n', '\n') }));
  const until = async (pattern: RegExp) => {
    const fail = () => assert.fail(`${pattern} should have been in ${shown}`);
    while (!pattern.test(shown)) await Promise.race([once(child.stdout, 'data'), end.then(fail)]);
  };
  return { end, until, ctrlC: () => child.stdin.write('\x03') };
}
async function show(t: TestContext, columns: number, args: string[], TERM?: string): Promise<string> {
  const { shown, code } = await start(t, columns, args, TERM).end;
  assert.equal(code, 0, shown);
  return shown;
}

/** What was drawn on the line that changes. Each drawing begins at its left, and clears what is right of it. */
function drawingsOf(shown: string): string[] {
  const [, ...drawings] = shown.slice(0, shown.lastIndexOf('\x1b[K')).split('\r');
  return drawings.map((text) => text.replace(/\x1b\[K$/, ''));
}
/** The curve: its lines, its labels, and how high its columns are, in eighths of a row. */
function curveOf(shown: string) {
  const curve = /^ *([\d.]+) ┬.*\n((?: +│.*\n)+) *([\d.]+) ┴─+\n(.*)\n/m.exec(shown);
  const [text, top, all, bottom, axis] = curve ?? assert.fail(`a curve should be in ${shown}`);
  const rows = Array.from(all.matchAll(/│(.*)/g), ([, row]) => row);
  const heights = Array.from(rows[0], (_, column) => {
    const blocks = rows.map((row) => row[column]).join(''); // from top to bottom
    assert.match(blocks, /^ *[▁▂▃▄▅▆▇]?█*$/, `column ${column} should have no gap`);
    return Array.from(blocks, (block) => ' ▁▂▃▄▅▆▇█'.indexOf(block)).reduce((a, b) => a + b);
  });
  return { lines: text.trimEnd().split('\n'), labels: [top, bottom].map(Number), axis, heights };
}
const numbersOf = (text: string): number[] => Array.from(text.matchAll(/\d+(\.\d+)?/g), ([number]) => Number(number));
const lossesOf = (plain: string): number[] => Array.from(plain.matchAll(/\| loss (.*)/g), ([, loss]) => Number(loss));
const mean = (numbers: number[]): number => numbers.reduce((a, b) => a + b) / numbers.length;

const small = ['--data', tiny, '--n-embd=4', '--n-head=1', '--num-samples=2'];
const ln24 = Math.log(24); // 24 is the vocabulary of tiny
const isMissing = spawnSync('script', ['--version']).status !== 0;
const skip = isMissing && 'there is no script(1) of util-linux here, which makes a terminal';

describe('On a terminal,', { concurrency: 3, skip, timeout: 60_000 }, () => {
  for (const columns of [0, 1, 27, 28, 80, 120]) { // 0 means unknown, and is taken for 80
    test(`the steps share one line in ${columns} columns, which fits, as the curve does`, async (t) => {
      const shown = await show(t, columns, [...small, '--num-steps=100']);
      const drawings = drawingsOf(shown), hasCurve = columns === 0 || columns >= 28;
      assert.ok(drawings.length > 1, `${drawings.length} drawings should be more than one`);
      const others = shown.split('\n').filter((line) => /step|[┬│┴]/.test(line) && !line.includes('\r'));
      assert.deepEqual(others, hasCurve ? curveOf(shown).lines : [], 'nothing else should show steps');
      const width = Math.max(...[...drawings, ...others].map(({ length }) => length));
      assert.equal(width, Math.min(columns || 80, 80) - 1, 'the last column should be free, and no other');
    });
  }

  test('the line shows the step, its loss, and the seconds that are left', async (t) => {
    const args = [...small, '--num-steps=1500'];
    const losses = lossesOf((await run(t, args)).stdout), before = performance.now();
    const drawings = drawingsOf(await show(t, 80, args)).map(numbersOf);
    const seconds = (performance.now() - before) / 1000; // of which the training took a part
    for (const [step, steps, loss, left] of drawings) {
      assert.deepEqual([steps, loss], [1500, losses[step - 1]], `steps and loss at step ${step}`);
      const most = seconds / step * (1500 - step) + 0.5;
      assert.ok(left <= most, `after ${step} steps in ${seconds} s or less, ${left} should be at most ${most}`);
    }
    assert.ok(drawings[0][3] > 0, 'after the first step, some time should be left');
    assert.equal(drawings.at(-1)?.join(' '), `1500 1500 ${losses[1499]} 0`);
  });

  test('TERM=dumb gets what a pipe gets: a plain line for each step, and no curve', async (t) => {
    const args = [...small, '--num-steps=40'];
    const shown = await show(t, 80, args, 'dumb');
    assert.equal(shown.match(/^step +\d+ \/ +40 \| loss \d\.\d{4}$/gm)?.length, 40, shown);
    assert.equal(shown, (await run(t, args)).stdout);
    assert.doesNotMatch(shown, /[\r\x1b┬│┴]/);
  });

  for (const numSteps of [144, 36]) { // two losses for a column of the curve, or two columns for a loss
    test(`the curve of ${numSteps} steps is as high as their losses`, async (t) => {
      const args = ['--data', tiny, `--num-steps=${numSteps}`];
      const losses = lossesOf((await run(t, args)).stdout);
      const { heights, labels, axis } = curveOf(await show(t, 80, args));
      const each = numSteps / heights.length; // a part of a loss, or more than one
      const means = heights.map((_, i) => mean(losses.slice(Math.floor(i * each), Math.ceil((i + 1) * each))));
      const lowest = Math.min(...means);
      assertClose(labels, [ln24, lowest], 0.003, 'labels');
      const expected = means.map((loss) => Math.min(40, 40 * (loss - lowest) / (ln24 - lowest))); // 5 rows of 8
      const worst = Math.max(...heights.map((height, i) => Math.abs(height - expected[i])));
      assert.ok(worst < 0.6, `in eighths, [${heights}] should be [${expected}], up to rounding`);
      assert.equal(axis, `       step 1${`step ${numSteps}`.padStart(66)}`);
    });
  }

  for (const [seed, height, lowest] of [[42, 0, 3.09], [8, 40, 3.18]]) { // that of seed 8 is 3.26
    test(`the curve of a single loss is flat, and guessing its upper limit, with seed ${seed}`, async (t) => {
      const { heights, labels } = curveOf(await show(t, 80, [...small, '--num-steps=1', `--seed=${seed}`]));
      assert.deepEqual(heights, Array<number>(72).fill(height));
      assert.deepEqual(labels, [3.18, lowest]); // Math.log(24) is 3.18
    });
  }

  test('without any steps, there is no line and no curve', async (t) => {
    const args = [...small, '--num-steps=0'];
    assert.equal(await show(t, 80, args), (await run(t, args)).stdout);
  });

  test('an error during the training stands on a line of its own', async (t) => {
    const { shown, code } = await start(t, 80, [...small, '--num-steps=400', '--learning-rate=1e9']).end;
    assert.equal(code, 1, shown);
    assert.match(shown.slice(shown.lastIndexOf('\x1b[K') + '\x1b[K\n'.length), oneLine);
  });

  test('Ctrl-C ends the program while it samples, even if the training was whole', async (t) => {
    const { end, until, ctrlC } = start(t, 80, [...small, '--num-steps=2', '--num-samples=1000000000']);
    await until(/\nsample +2: /);
    ctrlC();
    assert.equal((await end).code, 130);
  });

  test('Ctrl-C ends the training and goes on to the samples, and a second one ends the program', async (t) => {
    const documents = builtInNames.flatMap((name) => [...'aeiouy'].map((end) => name + end));
    const data = join(await temporaryFolder(t, { 'many.txt': documents.join('\n') }), 'many.txt');
    const args = ['--data', data, '--num-steps=1000000', '--num-samples=1000000000', '--eval=20'];
    const { end, until, ctrlC } = start(t, 80, args);
    await until(/\r[^\n]*\rstep/);
    ctrlC();
    await until(/\nsample +2: /);
    ctrlC();
    const { shown, code } = await end;
    assert.equal(code, 130, 'the second one should do what Ctrl-C does to any program');
    const [steps] = numbersOf(drawingsOf(shown).at(-1)!);
    assert.match(curveOf(shown).axis, new RegExp(` step ${steps}$`));
    // The evaluation knows how many documents were trained on.
    const { training, heldOut } = holdOut(new Random(defaults.seed).shuffle(documents), 20);
    const tokenizer = createTokenizer(documents), model = createModel(defaults, tokenizer.vocabSize, () => 0);
    const bigramTable = evaluate(model, tokenizer, training.slice(0, steps), heldOut).split('\n').at(-1);
    assert.ok(shown.includes(`\n${bigramTable}\n`), `${bigramTable} should be in ${shown}`);
  });
});
