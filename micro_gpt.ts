/** micro_gpt.ts: a GPT in one file. It learns from a list of names how names are made, and makes up new ones.
 * GPT stands for generative pre-trained transformer. All it ever does is guess the next letter of a name
 * from the letters so far. It gets good at that by training, in 1000 steps like this:
 *
 *   1. Take a name from the list, and guess each of its letters.
 *   2. Measure how wrong the guesses were. That number is the loss.
 *   3. Find out how the loss would change with each of the model's 4192 numbers: its gradient.
 *   4. Change each number a little, so that the loss gets smaller.
 *
 *   npx -y tsx micro_gpt.ts            (with --help for the options)
 *
 * From the same list, it prints the same losses and names as Andrej Karpathy's microgpt, in Python:
 * https://karpathy.github.io/2026/02/12/microgpt/. (A terminal shows the mean of the last 50 losses.)
 * Sections 1 to 7, read from top to bottom, are the GPT. You can stop before A to F, which do the rest.
 *
 *   1 Hyperparameters   2 Tokenizer   3 Autograd   4 Model   5 Training   6 Sampling   7 Main
 *   A Random numbers   B Command line   C Looking inside   D Terminal   E Documents   F Start */

// ---- 1. Hyperparameters -------------------------------------------------------------------------
// We choose these. Training then finds the parameters, the numbers that a model is made of. New words
// are explained further down. On the command line, nEmbd is --n-embd.

const hyperparameters = {
  //             default    min     max  meaning
  nEmbd:        [     16,     1,    512, 'width: how many numbers describe a token inside the model'],
  nHead:        [      4,     1,    512, 'attention heads, which share the width among them'],
  nLayer:       [      1,     1,    100, 'layers (attention, then MLP), one after another'],
  blockSize:    [     16,     1,   1024, 'context: how many tokens in a row the model can see'],
  numSteps:     [   1000,     0,    1e9, 'training steps, with one document each'],
  learningRate: [   0.01,     0,   1000, 'size of the first training step; later ones shrink towards 0'],
  temperature:  [    0.5,  1e-6,    1e6, 'of sampling: lower is safer, higher is bolder'],
  numSamples:   [     20,     0,    1e9, 'how many documents to make up'],
  eval:         [      0,     0,    1e9, 'documents to keep out of training, to measure the loss on'],
  seed:         [     42,     0, 2 ** 53 - 1, 'of the random numbers: same seed, same output'],
} as const;
export type Config = Record<keyof typeof hyperparameters, number>;

// ---- 2. Tokenizer -------------------------------------------------------------------------------
// In: documents (here, names). Out: each as a list of tokens, whole numbers that stand for characters.

/** Gives each character of the documents a number, in sorted order. The next number is one more token,
 * BOS, beginning of sequence. It goes before each document, so that there is something to guess the
 * first letter from. It also goes after each document, where another one could begin. From that the
 * model learns where names end. `createTokenizer(['ava']).encode('ava')` = [2, 0, 1, 0, 2] */
export function createTokenizer(documents: string[]) {
  const characters = [...new Set(documents.join(''))]; // code points, so 😀 counts as one
  characters.sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const tokens = new Map(characters.map((character, token) => [character, token]));
  const bos = characters.length;
  /** BOS, the document's tokens, BOS. At most blockSize + 1 of them, which makes blockSize guesses. */
  function encode(document: string, blockSize = Infinity): number[] {
    const encoded = [bos];
    for (const character of document) {
      const token = tokens.get(character);
      if (token === undefined) throw new InputError(`${describe(character)} is not in the dataset`);
      encoded.push(token);
      if (encoded.length > blockSize) return encoded;
    }
    return [...encoded, bos];
  }
  return { characters, bos, vocabSize: bos + 1, encode };
}
export type Tokenizer = ReturnType<typeof createTokenizer>;

// ---- 3a. Autograd: the idea ---------------------------------------------------------------------
// In: arithmetic on Values, numbers that remember how they were made. Out: their gradients.
//
// Training asks of each parameter: if it grew a little, how fast would the loss grow? If 0.01 more of
// it made the loss 0.03 larger, the answer would be 3. This is the derivative of the loss, called the
// gradient of the parameter. An operation knows its own derivatives, which we call rates: how fast its
// result grows with one operand while the other holds still. For a * b, the rate for a is b. Along a
// chain of operations, rates multiply (the chain rule). Where a Value is used twice, both uses add up.
//
// Each result is written to a tape, in the next free slot. Here is the tape of (a * 3 + b) * a, for
// a = 2 and b = 4. Read its data from the top down, but its grads from the bottom up:
//
//   slot  made as          data  grad   passes grad * rate on to what it was made from
//      1  a                   2    16
//      2  b                   4     2
//      3  slot 1 * 3          6     2   2 * 3 to slot 1, which had 10 and now has 16
//      4  slot 3 + slot 2    10     2   2 * 1 to slot 3, and 2 * 1 to slot 2
//      5  slot 4 * slot 1    20     1   1 * 2 to slot 4, and 1 * 10 to slot 1
//
// The result, slot 5, starts with a grad of 1. One walk from there to slot 1 is enough. A slot is used
// only by slots written after it, so by the time the walk comes to it, its grad is complete.
//
// You might make each slot an object, with data, a grad and two operands. We give it a place in each of
// these arrays instead. They are much faster, and keep the order that the walk needs.

const room = 2 ** 23; //                     how many slots there are; memory goes to those in use only
const data = new Float64Array(room); //      the number in each slot
const grad = new Float64Array(room); //      its gradient
const left = new Int32Array(room); //        the slot of its first operand; 0 if there is none
const right = new Int32Array(room); //       the slot of its second operand; 0 if there is none
const leftRate = new Float64Array(room); //  how fast it grows with its first operand
const rightRate = new Float64Array(room); // how fast it grows with its second operand
let nextSlot = 1; //                         the first free slot; 0 is a waste bin for grads
type Operand = Value | number; // a plain number is a constant, which has no slot and no gradient
const plain = (x: Operand): number => (typeof x === 'number' ? x : x.data);
const slotOf = (x: Operand): number => (typeof x === 'number' ? 0 : x.slot);

/** Writes a result to the tape, with its operands and its rates for them. (n and products are for 3b.) */
function record(result: number, a: Operand = 0, aRate = 0, b: Operand = 0, bRate = 0, n = 0): Value {
  if (nextSlot === room) throw new InputError('model too large; lower --n-embd, --n-layer or --block-size');
  data[nextSlot] = result;
  grad[nextSlot] = 0;
  left[nextSlot] = slotOf(a);
  right[nextSlot] = slotOf(b);
  leftRate[nextSlot] = aRate;
  rightRate[nextSlot] = bRate;
  products[nextSlot] = n;
  return new Value(nextSlot++);
}
/** A Value that is made from no other: a parameter. */
export const value = (x: number): Value => record(x);

/** A number that remembers how it was made. All that it holds is its slot, and the tape knows the rest. */
export class Value {
  declare readonly slot: number; // (declare is for speed: only the constructor makes the field)
  constructor(slot: number) { this.slot = slot; }
  get data() { return data[this.slot]; }
  set data(x) { data[this.slot] = x; }
  get grad() { return grad[this.slot]; }
  set grad(x) { grad[this.slot] = x; }

  //                              the result             operand, rate       operand, rate (a derivative)
  add(y: Operand) { return record(this.data + plain(y),  this, 1,            y, 1); }
  sub(y: Operand) { return record(this.data - plain(y),  this, 1,            y, -1); }
  mul(y: Operand) { return record(this.data * plain(y),  this, plain(y),     y, this.data); }
  div(y: Operand) { return record(this.data / plain(y),  this, 1 / plain(y), y, -this.data / plain(y) ** 2); }
  pow(n: number)  { return record(this.data ** n,        this, n * this.data ** (n - 1)); }
  exp()           { return record(Math.exp(this.data),   this, Math.exp(this.data)); }
  log()           { return record(Math.log(this.data),   this, 1 / this.data); }
  relu()          { return record(Math.max(0, this.data), this, this.data > 0 ? 1 : 0); }

  /** Finds how fast this Value grows with each Value that went into it, and adds that to their grads.
   * Call it once: a second call would pass old grads on again. */
  backward(): void {
    this.grad = 1;
    for (let slot = this.slot; slot > 0; slot--) {
      if (left[slot] === 0 || grad[slot] === 0) continue; // nothing to pass on
      grad[left[slot]] += leftRate[slot] * grad[slot];
      grad[right[slot]] += rightRate[slot] * grad[slot]; // for a constant, into the bin
      if (products[slot] > 0) dotBackward(slot); // see 3b
    }
  }
}

/** Runs body, then frees the slots that it took, or training would soon fill the tape. (Parameters are
 * older, and stay.) Values made in body must not be used after it. */
export function tidy<T>(body: () => T): T {
  const start = nextSlot;
  try { return body(); } finally { nextSlot = start; }
}

// ---- 3b. Autograd: sums of products -------------------------------------------------------------
// What we have so far could train the GPT, but slowly. Nearly all of its work is sums of products,
// a[0] * b[0] + a[1] * b[1] + ... With n products, that takes 2 * n - 1 slots. Here the whole sum gets
// one. It notes only where a and b begin, and how long they are. So the Values of such a list must be
// neighbours on the tape. A .map() with one operation makes neighbours; with two, it leaves gaps.

export type Vector = readonly Value[]; // neighbours on the tape
export type Matrix = readonly Vector[]; // its rows
const products = new Int32Array(room); // how many products each slot adds up; 0 if it is not a dot

/** The sum of all a[i] * b[i]: `dot([1, 2, 3], [4, 5, 6])` = 32, if numbers stand for Values. Throws a
 * RangeError if the lists differ in length or aren't neighbours. (Only the ends of a list are checked.) */
export function dot(a: Vector, b: Vector): Value {
  const n = a.length, p = a[0].slot, q = b[0].slot;
  if (a[n - 1].slot !== p + n - 1 || b.length !== n || b[n - 1].slot !== q + n - 1) {
    throw new RangeError('dot() takes two lists of the same length, each of neighbours on the tape');
  }
  let total = 0;
  for (let i = 0; i < n; i++) total += data[p + i] * data[q + i];
  return record(total, a[0], 0, b[0], 0, n); // for the rates, see dotBackward()
}
/** Passes the grad of a dot on to both lists. The rate for a factor is the other factor. */
function dotBackward(slot: number): void {
  const a = left[slot], b = right[slot], n = products[slot], g = grad[slot];
  for (let i = 0; i < n; i++) {
    grad[a + i] += data[b + i] * g;
    grad[b + i] += data[a + i] * g;
  }
}

// ---- 4. Model -----------------------------------------------------------------------------------
// In: a token and its position. Out: the logits, a score for each token of the vocabulary. The higher
// its score, the likelier that token is to come next. This is what gpt(), below, does:
//
//   x = what the token means + what its position means    (looked up in two tables)
//   in each layer:
//     x = x + what it hears from the positions so far     (attention)
//     x = x + what it makes of that                       (MLP, multi-layer perceptron)
//   logits = how well x matches each token of the vocabulary
//
// x is a Vector of nEmbd numbers. Training decides what each of them stands for. Positions are computed
// one after another. Each adds something to a cache, and can read only what is there by then.
// So no position can look ahead (the model is causal), not even in training, where we know what comes.
//
// Shapes: (m, n), (n) -> (m) takes m rows of n numbers and a list of n, and makes a list of m.

/** The sum of a list: (n) -> (1) */
export const sum = (x: readonly Value[]): Value => x.reduce((total, xi) => total.add(xi));
/** The sums of pairs: (n), (n) -> (n) */
export const add = (x: Vector, y: Vector): Vector => x.map((xi, i) => xi.add(y[i]));
/** For each row, the sum of the numbers of x, weighted by the row:
 * `linear([[1, 0], [2, 2]], [3, 4])` = [3, 14]. Most parameters are such weights. (m, n), (n) -> (m) */
export const linear = (w: Matrix, x: Vector): Vector => w.map((row) => dot(row, x));

/** Turns scores into probabilities, which add up to 1: `softmax([0, 1.0986])` = [0.25, 0.75]. Powers of
 * e are positive, whatever the scores are. Here e ** 0 is 1 and e ** 1.0986 is 3, a quarter and three
 * quarters of their sum. We subtract the largest score first. As e ** (a - b) is e ** a / e ** b, no
 * share changes, but no power gets too large. (`Math.exp(1000)` = Infinity.) (n) -> (n) */
export function softmax(scores: readonly Value[]): Vector {
  const largest = scores.reduce((max, score) => Math.max(max, score.data), -Infinity);
  const exps = scores.map((score) => score.sub(largest).exp());
  const total = sum(exps);
  return exps.map((exp) => exp.div(total));
}

/** Scales x to a root mean square of 1: `rmsnorm([3, 4])` = [0.8485, 1.1314]. Every layer adds to x, so
 * x tends to grow. Attention and the MLP get a copy of fixed size, so that their dots stay small.
 * (attention() says why.) 1e-5 prevents a division by 0. (Zhang and Sennrich 2019.) (n) -> (n) */
export function rmsnorm(x: Vector): Vector {
  const scale = dot(x, x).div(x.length).add(1e-5).pow(-0.5);
  return x.map((xi) => xi.mul(scale));
}

/** The parameters, in matrices of (rows, columns). draw() gives each a small random number to start
 * from. If all were equal, the 16 numbers of x would be too, and would get equal gradients for ever: 16
 * doing the work of one. The order of the matrices decides which random number each parameter gets. */
export function createModel(config: Config, vocabSize: number, draw: () => number) {
  const matrix = (rows: number, columns: number): Matrix =>
    Array.from({ length: rows }, () => Array.from({ length: columns }, () => value(draw())));
  const { nEmbd, blockSize, nLayer } = config;
  return {
    config,
    wte: matrix(vocabSize, nEmbd), //    weights of the token embedding: row i describes token i
    wpe: matrix(blockSize, nEmbd), //    ... and of the position embedding: row i describes position i
    lmHead: matrix(vocabSize, nEmbd), // the way out (lm: language model): row i scores token i
    layers: Array.from({ length: nLayer }, () => ({
      wq: matrix(nEmbd, nEmbd), //       for attention: makes queries,
      wk: matrix(nEmbd, nEmbd), //       keys,
      wv: matrix(nEmbd, nEmbd), //       values,
      wo: matrix(nEmbd, nEmbd), //       and mixes what the heads heard
      fc1: matrix(4 * nEmbd, nEmbd), //  for the MLP (fc: fully connected): four times as wide,
      fc2: matrix(nEmbd, 4 * nEmbd), //  and back
    })),
  };
}
export type Model = ReturnType<typeof createModel>;
type Layer = Model['layers'][number];
/** All in one list; by default `27 * 16 + 16 * 16 + 27 * 16 + (4 + 4 + 4) * 16 * 16` = 4192 of them. */
export const parameters = ({ wte, wpe, lmHead, layers }: Model): Value[] =>
  [wte, wpe, lmHead, ...layers.flatMap((layer) => Object.values(layer))].flat(2);

// The KV cache: what attention(), below, keeps of each position. That is its key and its value,
// explained there, and its attention weights, for --explain. Later positions change none of it.
type Cache = { keys: Matrix[]; values: Vector[]; weights: Matrix[] }; // keys, weights: [position][head]
/** What a document starts with: for each layer, a cache without positions. */
export const emptyCaches = (model: Model): Cache[] =>
  model.layers.map(() => ({ keys: [], values: [], weights: [] }));

/** Attention lets a position hear from itself and those before it (Vaswani et al. 2017). Say the last m
 * of "emm" wants to know which vowel came before. That is its query. Each position has a key, which
 * says what it has to offer, and a value, which is what it then tells. All three are lists that a
 * linear makes from x. dot(query, key) is large if both are, in the same places, with the same signs.
 * So training can make a key for e that fits the query. softmax turns the dots into weights, and m
 * hears the mean of all values with these weights, mostly the value of e. (With weights 0.25 and 0.75,
 * the mean of 4 and 8 is `dot([0.25, 0.75], [4, 8])` = 7.) What is really looked for is up to training:
 * see --explain. Each head has its own slice of these lists, 4 of the 16 numbers, so a position can
 * look for several things at once. (nEmbd) -> (nEmbd) */
function attention(x: Vector, layer: Layer, cache: Cache, nHead: number): Vector {
  const headDim = x.length / nHead; // the numbers of one head
  const split = (list: Vector): Matrix => // (nEmbd) -> (nHead, headDim)
    Array.from({ length: nHead }, (_, head) => list.slice(head * headDim, (head + 1) * headDim));
  const queries = split(linear(layer.wq, x));
  cache.keys.push(split(linear(layer.wk, x)));
  cache.values.push(linear(layer.wv, x));
  // Products of both signs partly cancel, so a dot of four times as many is only about twice as large.
  // To keep it at one size, we divide by the root of their number. With large dots, one weight would be
  // nearly 1, and small changes would hardly move it. The dots would get almost no gradient.
  const weights = queries.map((query, head) => // (nHead, positions)
    softmax(cache.keys.map((key) => dot(query, key[head]).div(Math.sqrt(headDim)))));
  cache.weights.push(weights);
  // The mean goes number by number. Column i holds number i of each value. A dot with the weights of
  // its head (i / headDim, rounded down) gives the mean. mul(1) makes copies that are neighbours.
  const columns = x.map((_, i) => cache.values.map((v) => v[i].mul(1))); // (nEmbd, positions)
  const heard = columns.map((column, i) => dot(weights[Math.floor(i / headDim)], column)); // (nEmbd)
  return linear(layer.wo, heard);
}

/** The multi-layer perceptron combines what a position has heard. In the middle are four times as many
 * numbers (that is customary), and relu switches off those below 0. Without relu, two linears could do
 * no more than one does, as 3 * (2 * x) = 6 * x. (nEmbd) -> (nEmbd) */
const mlp = (x: Vector, layer: Layer): Vector => linear(layer.fc2, linear(layer.fc1, x).map((h) => h.relu()));

/** The logits for the token that comes next. Call it position by position, with the same caches. Each
 * part of a layer adds to x, and does not replace it, so what x knows can stay in it. (This x is
 * called the residual stream.) A sum has rates of 1, so gradients come back through it unchanged.
 * Without the sums, they could shrink with each layer, and fade away. */
export function gpt(model: Model, token: number, position: number, caches: Cache[]): Vector {
  let x = rmsnorm(add(model.wte[token], model.wpe[position])); // not a copy: every x starts at size 1
  model.layers.forEach((layer, i) => {
    x = add(x, attention(rmsnorm(x), layer, caches[i], model.config.nHead));
    x = add(x, mlp(rmsnorm(x), layer));
  });
  return linear(model.lmHead, x);
}

// ---- 5. Training --------------------------------------------------------------------------------
// In: a model and documents. Out: the same model, which has learnt to predict such documents.

/** How wrong the model is about a document: the mean cost of its tokens, the cross-entropy. A token that
 * the model gave probability p costs -log p: nothing for 1, `-Math.log(1 / 2)` = 0.69 for 1/2, Infinity
 * for 0. Sure and wrong is worst. To guess evenly among 27 costs `-Math.log(1 / 27)` = 3.30. */
export function lossOf(model: Model, tokens: number[]): Value {
  const caches = emptyCaches(model);
  const costs = tokens.slice(1).map((next, position) => {
    const probabilities = softmax(gpt(model, tokens[position], position, caches));
    return probabilities[next].log().mul(-1);
  });
  return sum(costs).div(costs.length);
}

/** Makes the function that moves the parameters, called Adam (Kingma and Ba 2014). Plain gradient
 * descent would be p.data -= learningRate * p.grad. Adam improves on that in two ways. (1) In place of
 * the gradient it takes m, a running mean of gradients, so that one odd document counts little. (2) It
 * divides by the root of v, a running mean of squared gradients. That root is the usual size of the
 * gradient, so parameters with small gradients keep up. A running mean is
 * beta * old + (1 - beta) * new. It starts at 0, and so it is too small at first: after one step, m is
 * 0.15 times the gradient. Dividing by 1 - beta ** step makes up for that. epsilon prevents 0 / 0. */
export function adam(parameters: Value[], beta1 = 0.85, beta2 = 0.99, epsilon = 1e-8) {
  const m = new Float64Array(parameters.length), v = new Float64Array(parameters.length);
  let step = 0;
  return (learningRate: number): void => {
    step++;
    const mFactor = 1 - beta1 ** step, vFactor = 1 - beta2 ** step;
    for (let i = 0; i < parameters.length; i++) {
      const p = parameters[i];
      m[i] = beta1 * m[i] + (1 - beta1) * p.grad;
      v[i] = beta2 * v[i] + (1 - beta2) * p.grad ** 2;
      p.data -= learningRate * (m[i] / mFactor) / (Math.sqrt(v[i] / vFactor) + epsilon);
      p.grad = 0; // or the next step would add to it
    }
  };
}

/** Gives x back. Throws an InputError if too large a learning rate has made it NaN or infinite. */
function finite(x: number, what: string): number {
  if (!Number.isFinite(x)) throw new InputError(`${what} ${x}; lower --learning-rate`);
  return x;
}

/** Trains on one document a step, round and round. Yields the loss of each, so its caller may stop. */
export function* train(model: Model, tokenizer: Tokenizer, documents: string[]) {
  const { numSteps, learningRate, blockSize } = model.config;
  const update = adam(parameters(model));
  for (let step = 0; step < numSteps; step++) {
    const tokens = tokenizer.encode(documents[step % documents.length], blockSize);
    const loss = tidy(() => {
      const result = lossOf(model, tokens);
      result.backward();
      return result.data;
    });
    finite(loss, `step ${step + 1}: loss`);
    update(learningRate * (1 - step / numSteps)); // large steps to get there, small ones to settle
    yield loss;
  }
}

// ---- 6. Sampling --------------------------------------------------------------------------------
// In: a trained model. Out: a document like those it was trained on.

/** Picks an index by weight. Lay the weights end to end, and point at the fraction `random` of the whole
 * length. The weight there is picked: `choose([1, 3], 0.2)` = 0 and `choose([1, 3], 0.3)` = 1. */
export function choose(weights: number[], random: number): number {
  let total = 0;
  const ends = weights.map((weight) => (total += weight)); // [1, 3] -> [1, 4]
  return ends.findIndex((end) => end > random * finite(total, 'the probabilities add up to'));
}

/** Makes up a document: draws a token by its probability, takes it as the next input (this is called
 * autoregressive), and so on, until BOS or a full block. Dividing the logits by a temperature below 1
 * moves them apart, so that the likely get likelier. 0.5 turns odds of 1 : 3 into 1 : 9:
 * `softmax([0 / 0.5, 1.0986 / 0.5])` = [0.1, 0.9]. */
export function sample(model: Model, tokenizer: Tokenizer, random: Random, prompt = ''): string {
  const { blockSize, temperature } = model.config;
  const given = tokenizer.encode(prompt).slice(1, -1); // the prompt's tokens, without BOS
  return tidy(() => {
    const caches = emptyCaches(model);
    let token = tokenizer.bos, text = '';
    for (let position = 0; position < blockSize; position++) {
      const logits = gpt(model, token, position, caches);
      const probabilities = tidy(() => softmax(logits.map((x) => x.div(temperature))).map((p) => p.data));
      token = given[position] ?? choose(probabilities, random.random());
      if (token === tokenizer.bos) break;
      text += tokenizer.characters[token];
    }
    return text;
  });
}

// ---- 7. Main ------------------------------------------------------------------------------------
// In: the arguments of the command line. Out: the loss of each step, and then new names.

/** The whole program. Throws an InputError (see B) for a mistake in the arguments or in the data. */
export async function main(args: string[]): Promise<void> {
  const { help, config, source, prompt, explain } = parseCommandLine(args);
  if (help) return print(usage());
  const random = new Random(config.seed);
  const documents = random.shuffle(await loadDocuments(source));
  print(`num docs: ${documents.length}`);
  const tokenizer = createTokenizer(documents);
  print(`vocab size: ${tokenizer.vocabSize}`);
  const { training, heldOut } = holdOut(documents, config.eval);
  if (heldOut.length > 0) print(`held out: ${heldOut.length} docs`);
  const model = createModel(config, tokenizer.vocabSize, () => random.gauss(0, 0.08));
  print(`num params: ${parameters(model).length}`);
  // Check before training, not after: no unknown character, and no block too long for the tape.
  tokenizer.encode(`${prompt}${explain ?? ''}`);
  tidy(() => lossOf(model, new Array<number>(config.blockSize + 1).fill(tokenizer.bos)));

  const stepsDone = await watch(train(model, tokenizer, training), config.numSteps, tokenizer.vocabSize);
  if (heldOut.length > 0) print(evaluate(model, tokenizer, training.slice(0, stepsDone), heldOut));
  if (explain !== undefined) return print(explainWord(model, tokenizer, explain));

  print('\n--- inference (new, hallucinated names) ---'); // inference: using what was trained
  for (let i = 1; i <= config.numSamples; i++) {
    print(`sample ${String(i).padStart(2)}: ${sample(model, tokenizer, random, prompt)}`);
    await nextTurn(); // lets Ctrl-C and a closed pipe get through
  }
}

// ---- A. Random numbers --------------------------------------------------------------------------
// In: a seed. Out: the random numbers that Python makes of it. Others would lead to other names.

/** Python's random.Random: the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), and what CPython
 * makes of its output. Throws a RangeError unless the seed is a whole number from 0 to 2 ** 53 - 1. */
export class Random {
  readonly #state = new Uint32Array(624);
  #next = 0; // which number of the state is replaced next
  readonly #spare: number[] = []; // gauss() makes two numbers at a time
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`${seed} cannot be a seed`);
    const key = seed < 2 ** 32 ? [seed] : [seed % 2 ** 32, Math.floor(seed / 2 ** 32)]; // the low word first
    const s = this.#state;
    const stir = (i: number, factor: number) => Math.imul(s[i - 1] ^ (s[i - 1] >>> 30), factor);
    s[0] = 19650218;
    for (let i = 1; i < 624; i++) s[i] = stir(i, 1812433253) + i;
    for (let k = 0; k < 1247; k++) {
      const i = (k % 623) + 1;
      if (k < 624) s[i] = (s[i] ^ stir(i, 1664525)) + key[k % key.length] + (k % key.length);
      else s[i] = (s[i] ^ stir(i, 1566083941)) - i;
      s[0] = s[623];
    }
    s[0] = 2 ** 31;
  }
  /** The high k bits of the next 32. */
  #bits(k: number): number {
    const s = this.#state, i = this.#next;
    this.#next = (i + 1) % 624;
    const mixed = (s[i] & 0x80000000) | (s[this.#next] & 0x7fffffff);
    s[i] = s[(i + 397) % 624] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    let y = s[i];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> (32 - k);
  }
  /** From 0 up to but not including 1, in steps of 2 ** -53. */
  random(): number { return (this.#bits(27) * 2 ** 26 + this.#bits(26)) / 2 ** 53; }
  /** Normally distributed (Box and Muller 1958). 1 - random() is never 0, so it has a logarithm. */
  gauss(mu: number, sigma: number): number {
    if (this.#spare.length === 0) {
      const angle = 2 * Math.PI * this.random();
      const radius = Math.sqrt(-2 * Math.log(1 - this.random()));
      this.#spare.push(Math.sin(angle) * radius, Math.cos(angle) * radius); // popped from the end
    }
    return mu + this.#spare.pop()! * sigma;
  }
  /** Puts the items into a random order, in place, and returns them. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      let j: number;
      do j = this.#bits(32 - Math.clz32(i + 1)); while (j > i); // drawn again if too large
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}

// ---- B. Command line ----------------------------------------------------------------------------
// In: the words after the command. Out: the settings. (Sections 1 to 6 need no imports.)
import { createReadStream, realpathSync, statSync } from 'node:fs';
import { link, rm, writeFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** A mistake in what we were given. The user sees its message in one line, and no stack trace. */
export class InputError extends Error { exitCode = 1; }
class UsageError extends InputError { override exitCode = 2; } // one in the command line
const flagOf = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The text of --help. */
export const usage = (): string => [
  'Usage: npx -y tsx micro_gpt.ts [options]. Their defaults and meanings:',
  ...Object.entries(hyperparameters).map(([name, [standard, , , meaning]]) =>
    `  --${`${flagOf(name)} ${standard}`.padEnd(20)} ${meaning}`),
  '  --data FILE_OR_URL     train on its lines; otherwise on input.txt, or names.txt from the net',
  '  --prompt TEXT          what the samples begin with',
  '  --explain WORD         instead of samples, show how the model reads WORD',
].join('\n');

/** The words given for the options. Throws a UsageError for an unknown option. */
function readOptions(args: string[]) {
  const text = { type: 'string' } as const;
  const options = {
    help: { type: 'boolean', short: 'h' }, data: text, prompt: text, explain: text,
    ...Object.fromEntries(Object.keys(hyperparameters).map((name) => [flagOf(name), text])),
  } as const;
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('\n')[0]} (see --help)`);
  }
}

/** The settings. Throws a UsageError if one is out of range, or if two do not fit together. */
export function parseCommandLine(args: string[]) {
  const { help, data: source, prompt = '', explain, ...numbers } = readOptions(args);
  const given: Record<string, string | undefined> = numbers;
  const config = Object.fromEntries(Object.entries(hyperparameters).map(([name, [standard, min, max]]) => {
    const text = given[flagOf(name)] ?? String(standard);
    const n = text.trim() === '' ? NaN : Number(text);
    const kind = Number.isInteger(standard) ? 'whole number' : 'number';
    if (n >= min && n <= max && (Number.isInteger(n) || kind === 'number')) return [name, n];
    throw new UsageError(`--${flagOf(name)} takes a ${kind} from ${min} to ${max}, not "${text}"`);
  })) as Config;
  const { nEmbd, nHead, nLayer, blockSize } = config;
  if (nEmbd % nHead !== 0) throw new UsageError(`--n-embd ${nEmbd} must be a multiple of --n-head ${nHead}`);
  if (12 * nLayer * nEmbd ** 2 > 4e6) throw new UsageError('over 4e6 parameters; lower --n-embd, --n-layer');
  if (prompt && explain !== undefined) throw new UsageError('--explain and --prompt do not go together');
  if ([...prompt].length >= blockSize) throw new UsageError(`--prompt "${prompt}" fills a block`);
  return { help, config, source, prompt, explain };
}

// ---- C. Looking inside --------------------------------------------------------------------------
// In: a trained model. Out: a text that tells how good it is, or how it reads a word.

/** Keeps the last `count` different documents out of training. */
export function holdOut(documents: string[], count: number) {
  const distinct = [...new Set(documents)]; // a document may be in the list twice
  const rest = distinct.length - count;
  if (rest <= 0) throw new InputError(`--eval ${count} leaves none of ${distinct.length} docs to train on`);
  const kept = new Set(distinct.slice(0, rest));
  return { training: documents.filter((document) => kept.has(document)), heldOut: distinct.slice(rest) };
}

/** Compares the model with two simple guessers, by the loss per character. (The end counts as one.) */
export function evaluate(model: Model, tokenizer: Tokenizer, trained: string[], heldOut: string[]): string {
  const encode = (document: string) => tokenizer.encode(document, model.config.blockSize);
  const pairsOf = (tokens: number[]) => tokens.slice(1).map((next, i) => [tokens[i], `${tokens[i]} ${next}`]);
  const counts = new Map<number | string, number>(); // '5 3': how often 3 follows 5; 5: how often any does
  const count = (key: number | string) => counts.get(key) ?? 0;
  for (const text of trained) pairsOf(encode(text)).flat().forEach((key) => counts.set(key, count(key) + 1));
  const losses = heldOut.map(encode).flatMap((tokens) => { // of each pair, so that long documents count more
    const loss = finite(tidy(() => lossOf(model, tokens).data), 'the loss is');
    return pairsOf(tokens).map(([token, pair]) => // + 1, so that a pair never seen gets some probability
      ({ loss, bigram: -Math.log((count(pair) + 1) / (count(token) + tokenizer.vocabSize)) }));
  });
  return `\n--- evaluation (loss per character, ${heldOut.length} docs never trained on) ---\n`
    + `this model:      ${mean(losses.map(({ loss }) => loss)).toFixed(4)}\n`
    + `guessing evenly: ${Math.log(tokenizer.vocabSize).toFixed(4)}\n`
    + `bigram table:    ${mean(losses.map(({ bigram }) => bigram)).toFixed(4)}`; // sees one character
}

/** How the model reads a word: what it expects at each position, and where each head looks. */
export function explainWord(model: Model, tokenizer: Tokenizer, word: string): string {
  const tokens = tokenizer.encode(word, model.config.blockSize);
  const n = tokens.length - 1;
  const wide = // shown in two columns, roughly; a mark is not, as show() puts it on a ◌
    /(?!\p{M})[\p{EPres}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uff00-\uff60\u{20000}-\u{3ffff}]/u;
  const show = (token: number) => { // in two columns
    const character = (tokenizer.characters[token] ?? '.').replace(/\p{M}/u, '◌$&').replace(/\p{C}/u, '·');
    return wide.test(character) ? character : `${character} `;
  };
  const percent = (p: number) => `${Math.round(100 * p)}%`.padStart(4);
  const bar = (eighths: number) => // in four columns
    ('█'.repeat(eighths / 8) + ' ▏▎▍▌▋▊▉'[eighths % 8]).slice(0, 4).padEnd(4);
  return tidy(() => {
    const caches = emptyCaches(model);
    const table = tokens.slice(1).map((next, position) => {
      const probabilities = softmax(gpt(model, tokens[position], position, caches)).map((p) => p.data);
      const loss = finite(-Math.log(probabilities[next]), 'the loss is');
      const likeliest = [...probabilities.entries()].sort(([, p], [, q]) => q - p).slice(0, 5);
      return `${show(tokens[position])}-> ${show(next)}${percent(probabilities[next])}`
        + ` ${loss.toFixed(2).padStart(5)} `
        + likeliest.map(([token, p]) => `  ${show(token)}${bar(Math.round(32 * p))}${percent(p)}`).join('');
    });
    const width = Math.max(20, 2 * n + 4), across = Math.max(1, Math.floor(80 / width));
    const maps = caches.flatMap(({ weights }, layer) => weights[0].map((_, head) => [
      `layer ${layer + 1}, head ${head + 1}`.padEnd(width),
      `  ${tokens.slice(0, n).map(show).join('')}`.concat(' '.repeat(width - 2 * n - 2)),
      ...weights.map((heads, position) => show(tokens[position]) + heads[head].map(({ data: weight }) =>
        ' ░▒▓█'[Math.round(4 * Math.sqrt(weight))].repeat(2)).join('').padEnd(width - 2)),
    ]));
    const rows: string[] = [];
    for (let i = 0; i < maps.length; i += across) {
      const beside = maps.slice(i, i + across);
      rows.push('', ...beside[0].map((_, row) => beside.map((map) => map[row]).join('').trimEnd()));
    }
    return [`\n--- how the model reads "${[...word].slice(0, n).join('').replace(/\p{Cc}/gu, '·')}" ---`,
      '          p  loss   the five likeliest', ...table,
      '\nand where each position (row) looks (column):', ...rows].join('\n');
  });
}

// ---- D. Terminal --------------------------------------------------------------------------------
// In: lines, and the steps of training. Out: standard output, and notes on standard error.

const print = (line: string): void => { process.stdout.write(`${line}\n`); };
/** Tells the user something in one line, without control characters and passwords in what it quotes. */
function note(line: string): void {
  const clean = line.replace(/\p{Cc}/gu, ' ').replace(/\/\/[^/\s]*@/g, '//');
  try { process.stderr.write(`micro_gpt: ${clean}\n`); } catch {} // Deno throws; elsewhere, see F
}
const describe = (character: string): string =>
  `the character "${character}" (U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')})`;

/** Prints the steps; on a terminal, in one line that redraws, and then a curve. Returns how many it did. */
async function watch(training: ReturnType<typeof train>, numSteps: number, vocabSize: number) {
  const columns = () => Math.min(process.stdout.columns || 80, 80) - 1;
  // A terminal without colors (TERM=dumb) cannot redraw. In Deno, hasColors() would ask for permission.
  const redraws = process.stdout.isTTY && columns() > 58
    && (process.versions.deno || process.stdout.hasColors());
  const guessing = Math.log(vocabSize); // the loss of guessing evenly
  const losses: number[] = []; // for the curve
  let lines = ''; // waiting to be printed together, which is faster
  let stepsDone = 0, turnAt = 0;
  const start = performance.now();
  const label = () => `step ${String(stepsDone).padStart(4)} / ${String(numSteps).padStart(4)}`;
  const progress = (perSecond: number) => [
    label(), `loss ${mean(losses.slice(-50)).toFixed(4)}`,
    blocks(means(losses.slice(-1600), 16), guessing, 1)[0], // not of all, which would get slow
    `${perSecond.toFixed(0)} steps/s`, `${((numSteps - stepsDone) / perSecond).toFixed(0)} s left`,
  ].join(' | ').slice(0, columns());
  const show = () => {
    const perSecond = (1000 * stepsDone) / (performance.now() - start);
    process.stdout.write(redraws ? `\r${progress(perSecond)}\x1b[K` : lines); // [K clears the rest
    lines = '';
  };
  const stop = () => { training.return(); };
  process.once('SIGINT', stop); // Ctrl-C ends the training; a second one ends the program
  try {
    for (const loss of training) {
      stepsDone++;
      if (redraws) losses.push(loss);
      else lines += `${label()} | loss ${loss.toFixed(4)}\n`;
      const now = performance.now();
      if (now < turnAt) continue;
      turnAt = now + 20;
      show();
      await nextTurn();
    }
  } finally {
    process.off('SIGINT', stop);
    if (stepsDone > 0) show();
    if (losses.length > 0) print('');
  }
  if (losses.length > 0 && columns() > 58) print(curve(losses, guessing, columns() - 6));
  return stepsDone;
}

/** The losses as a curve in blocks, from the lowest up to that of guessing evenly. */
function curve(losses: number[], guessing: number, width: number): string {
  const points = means(losses, width);
  const label = (loss: number) => loss.toFixed(2).padStart(5);
  return ['', `${label(guessing)}┬${' guessing evenly '.padEnd(width, '┄')}`,
    ...blocks(points, guessing, 5).map((row) => `     │${row}`),
    `${label(Math.min(...points, guessing))}┴${'─'.repeat(width)}`,
    `      step 1${`step ${losses.length}`.padStart(width - 6)}`].join('\n');
}
/** A column of blocks for each point, in rows of text. */
function blocks(points: number[], highest: number, height: number): string[] {
  const lowest = Math.min(...points, highest);
  const part = (x: number) => (x < highest ? (x - lowest) / (highest - lowest) : 1);
  const block = (x: number, below: number) => // in eighths of a row
    ' ▁▂▃▄▅▆▇█'[Math.max(0, Math.min(8, Math.round(8 * height * part(x)) - 8 * below))];
  return Array.from({ length: height }, (_, row) => points.map((x) => block(x, height - 1 - row)).join(''));
}
const mean = (numbers: number[]): number => numbers.reduce((a, b) => a + b) / numbers.length;
/** The means of n equal stretches of a list. (They share numbers at their edges, if they must.) */
function means(list: number[], n: number): number[] {
  const edge = (i: number) => (i * list.length) / n;
  return Array.from({ length: n }, (_, i) => mean(list.slice(Math.floor(edge(i)), Math.ceil(edge(i + 1)))));
}

// ---- E. Documents -------------------------------------------------------------------------------
// In: the name of a file, an address, or nothing. Out: the documents to train on.

const namesUrl = 'https://raw.githubusercontent.com/karpathy/makemore/master/names.txt';
/** The lines of a stream, trimmed, without blank ones. Throws an Error unless they could be names. */
async function linesOf(stream: AsyncIterable<Uint8Array>, atLeast = 1): Promise<string[]> {
  const decoder = new TextDecoder(); // what is not UTF-8 becomes U+FFFD
  let text = '';
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > 1e8) throw new Error('it has more than 100 million characters');
  }
  const lines = `${text}${decoder.decode()}`.split(/\r\n?|\n/).map((line) => line.trim());
  const bad = lines.findIndex((line) => /[\0\uFFFD]/.test(line));
  if (bad >= 0) throw new Error(`it is damaged, or not UTF-8 text: see line ${bad + 1}`);
  const full = lines.filter((line) => line !== '');
  if (/^<(!|\?|html|head|body|script)/i.test(full[0])) throw new Error('it is a web page, not a list');
  if (full.length < atLeast) throw new Error('it has too few lines; there should be a name on each');
  return full;
}

/** The lines at an address. Throws an InputError if it fails, or takes more than timeout ms. */
async function download(url: string, timeout: number, atLeast?: number): Promise<string[]> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeout) });
    if (response.status === 200 && response.body) return await linesOf(response.body, atLeast);
    await response.body?.cancel(); // or the page that comes with a 404 would keep us waiting
    throw new Error(`the answer was ${response.status}, not 200`);
  } catch (error) {
    const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException }; // message: "fetch failed"
    throw new InputError(`cannot read ${url}: ${cause?.message || cause?.code || message}`);
  }
}

/** The documents to train on: the lines of the source, a file or an address, if there is one; else those of
 * input.txt; else of names.txt, then kept as input.txt; else the built-in names. Throws an InputError. */
export async function loadDocuments(source?: string, folder = '.', url = namesUrl, timeout = 30_000) {
  if (source?.match(/^https?:\/\//i)) return download(source, timeout);
  const file = source ?? `${folder}/input.txt`;
  try {
    return await linesOf(createReadStream(file));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (source !== undefined || code !== 'ENOENT') throw new InputError(`cannot read "${file}": ${message}`);
  }
  const names = await download(url, timeout, 1000) // it has 32,033
    .catch(({ message }: InputError) => note(`${message}; using the names built into this file`));
  if (!names) return [...builtInNames];
  // With link() after the write, input.txt is never there in part, and never replaces another.
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, names.join('\n')).then(() => link(temporary, file))
    .finally(() => rm(temporary, { force: true }))
    .catch((error: Error) => note(`cannot keep names.txt: ${error.message}`));
  return names;
}

/** For a run without a network: common first names from many languages. */
export const builtInNames = `aaliyah abdul abebe adam adela adriana agnes ahmed aiko aisha akira alba
alejandro alex ali alice alma amara amina amir ana anders andrea andrei angela anh anika anita anna anton
antonio arjun arthur aryan asha ayesha aziz beatriz bela ben bilal bjorn boris bruno camila carla carlos
carmen cecilia chen chiara chidi chika chloe claire clara daniel daria david deepa diana diego dina dmitri
eduardo ela elena elias ella emil emilia emma erik esther eva fatima felix femi filip finn fiona francesca
frida gabriel giulia grace greta gustavo hana hannah hans hassan helena henrik hiroshi hugo ibrahim ida igor
imani ines ingrid irina isabel ivan jack jakub james jan javier joao johan jorge jose juan julia kamal karin
karl kemal kenji khadija kofi kwame laila lakshmi lars layla lea leila lena leo leon liam lin linh livia
louis lucas lucia luis luka luna maja malik manuel marco maria marta martin maya mehmet mei mia miguel mika
mila mohamed mona nadia naomi nia nikolai nina noah noor nora olga oliver olivia omar oscar pablo paula pedro
pierre priya rahul ravi rosa ruth sakura sana sara sasha sergei sofia sonia stefan sven tamar tariq tatiana
thomas uma vera victor viktor wei william yara yuki yusuf zainab zara zoe`.split(/\s+/);

// ---- F. Start -----------------------------------------------------------------------------------
// The program runs unless this file was imported. (Node has import.meta.main since version 24.2.)
function isMain(): boolean {
  const path = process.argv[1] ?? '';
  const file = [path, `${path}.ts`].find((name) => statSync(name, { throwIfNoEntry: false })?.isFile());
  return file !== undefined && realpathSync(file) === fileURLToPath(import.meta.url);
}
if ((import.meta as { main?: boolean }).main ?? isMain()) {
  process.stderr.on('error', () => {}); // if a note cannot be written, we go on
  const cannotWrite = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') note(`cannot write: ${error.message}`);
    process.exit(error.code === 'EPIPE' ? 0 : 1); // whoever closed the pipe has seen enough
  };
  process.stdout.on('error', cannotWrite);
  main(process.argv.slice(2)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOSPC') cannotWrite(error); // Deno throws this one
    if (!(error instanceof InputError)) throw error;
    note(error.message);
    process.exitCode = error.exitCode;
  });
}
