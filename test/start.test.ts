// How the program is started, imported and ended, in processes of their own.

import assert from 'node:assert/strict';
import { execFile, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { usage } from '../micro_gpt.ts';
import { oneLine, path, run, start, temporaryFolder, tiny } from './helpers.ts';

const program = path('../micro_gpt.ts');

describe('The program', { concurrency: 3, timeout: 60_000 }, () => {
  test('runs in a folder with a blank in its name, through a symbolic link, without ".ts"', async (t) => {
    const cwd = await temporaryFolder(t, { 'micro_gpt.ts': await readFile(program) });
    assert.match(cwd, / /);
    await symlink('micro_gpt.ts', join(cwd, 'link.ts'));
    assert.deepEqual(await run(t, ['-h'], { cwd, file: 'link' }), {
      stdout: `${usage()}\n`, stderr: '', code: 0, signal: null,
    });
    await mkdir(join(cwd, 'link')); // tsx's own command does not mind
    const { stdout } = await promisify(execFile)(path('../node_modules/.bin/tsx'), ['link', '-h'], { cwd });
    assert.equal(stdout, `${usage()}\n`);
    await mkdir(join(cwd, 'folder')); // named by its folder, or as JavaScript
    await symlink('../micro_gpt.ts', join(cwd, 'folder', 'index.ts'));
    for (const file of ['folder', 'micro_gpt.js']) assert.equal((await run(t, ['-h'], { cwd, file })).stdout, stdout, file);
    const preserved = [process.execPath, '--import', import.meta.resolve('tsx'), '--preserve-symlinks-main'];
    const [command, ...rest] = [...preserved, 'link.ts', '-h'];
    assert.equal((await promisify(execFile)(command, rest, { cwd })).stdout, stdout);
  });

  test('does nothing when imported, not even by a script of its name, until main() is called', async (t) => {
    const script = `(async () => {
      const { main } = await import(${JSON.stringify(pathToFileURL(program))});
      console.log('imported');
      await main(['--data', ${JSON.stringify(tiny)}, '--num-steps', '3', '--num-samples', '2']);
      process.exit(3);
    })()`;
    const cwd = await temporaryFolder(t, { micro_gpt: script });
    await symlink(program, join(cwd, 'micro_gpt.ts'));
    const { stdout, stderr, code } = await run(t, ['--help'], { cwd, file: 'micro_gpt' });
    assert.match(stdout, /^imported\nnum docs: 38\n/);
    assert.match(stdout, /\nstep +3 \/ +3 \| [^]*\nsample +1: .*\nsample +2: .*\n$/);
    assert.deepEqual([stderr, code], ['', 3]);
  });

  test('shows where it went wrong, if that is its own fault', async (t) => {
    const broken = (await readFile(program, 'utf8')).replace(
      /function main\(.*\{\n/, "$& if (args.length > 0) throw new TypeError('planted');\n",
    );
    const cwd = await temporaryFolder(t, { 'broken.ts': broken });
    const { stdout, stderr, code } = await run(t, ['--help'], { cwd, file: 'broken.ts' });
    assert.match(stderr, /^TypeError: planted\n +at main \(.*broken\.ts:\d+/m);
    assert.equal(stdout, '');
    assert.ok(code !== null && code > 0, `exit code ${code}`);
  });

  for (const [doing, awaited, ...args] of [
    ['training', 'step ', '--num-steps=1000000000'],
    ['sampling', 'sample ', '--num-steps=0', '--num-samples=1000000000'],
  ] as const) {
    test(`ends soon and quietly when its pipe closes while it is ${doing}`, async (t) => {
      const child = start(t, ['--data', tiny, ...args]), { stdout, stderr } = child;
      assert.ok(stdout && stderr);
      for await (const chunk of stdout) if (`${chunk}`.includes(awaited)) break; // which closes the pipe
      const [told, [code]] = await Promise.all([text(stderr), once(child, 'close')]);
      assert.deepEqual([told, code], ['', 0]);
    });
  }

  const full = '/dev/full'; // a device that takes nothing, like a full disk
  const skip = !existsSync(full) && `there is no ${full} here`;
  const openFull = async (t: TestContext): Promise<number> => {
    const file = await open(full, 'w');
    t.after(() => file.close());
    return file.fd;
  };
  test('says in one line that it cannot write, and ends with exit code 1', { skip }, async (t) => {
    const stdio: StdioOptions = ['ignore', await openFull(t), 'pipe'];
    const { stderr, code } = await run(t, ['--data', tiny, '--num-steps=1000000000'], { stdio });
    assert.match(stderr, oneLine);
    assert.match(stderr, /\bENOSPC\b/);
    assert.equal(code, 1);
  });

  test('tells in one line what is wrong with an argument, even if it cannot write', { skip }, async (t) => {
    const stdio: StdioOptions = ['ignore', await openFull(t), 'pipe'];
    const { stderr, code } = await run(t, ['--seed', 'http://me:secret@host/\n\x1b[1m'], { stdio });
    assert.match(stderr, oneLine);
    assert.match(stderr, /--seed\b.*"http:\/\/host\//);
    assert.doesNotMatch(stderr, /secret|\x1b/);
    assert.equal(code, 2);
  });

  test('goes on without notes if it cannot write them to standard error', { skip }, async (t) => {
    const cwd = await temporaryFolder(t); // without data, which is worth a note
    const stdio: StdioOptions = ['ignore', 'pipe', await openFull(t)];
    const { stdout, code } = await run(t, ['--num-steps=0', '--num-samples=1'], { cwd, stdio });
    assert.match(stdout, /\nsample +1: .*\n$/);
    assert.equal(code, 0);
  });
});
