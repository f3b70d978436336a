/** micro_gpt.ts: a GPT in one file.
 *
 * Show it a list of names, and it learns to invent new ones. It does so by playing one game, over
 * and over: here are the letters so far, so what comes next? At first it has no idea. But after
 * each name it improves itself a little, in four steps:
 *
 *   1. Take a name from the dataset, and guess each of its letters in turn.
 *   2. Measure how wrong the guesses were. That number is called the loss.
 *   3. For each of the model's 4192 numbers, find out how nudging it would change the loss.
 *   4. Nudge all of them a little, so that together they make the loss smaller.
 *
 * After 1000 names, we let it run on its own guesses, and it writes names. ChatGPT began the
 * same way, with far more numbers, and with pieces of words instead of letters.
 *
 *   Run it     npx -y tsx micro_gpt.ts             (add --help to see the options)
 *   Read it    Sections 1 to 7 are the whole GPT. A to F are plumbing, for the curious.
 *   Check it   This is a port of Andrej Karpathy's microgpt, and prints the same losses and names.
 *              See https://karpathy.github.io/2026/02/12/microgpt/
 *
 * We will follow one name through the whole file: emma. When you are done, --explain emma takes you
 * through the same stages again, with the numbers of a freshly trained model. */

// ---- 1. Tokenizer: letters become numbers -------------------------------------------------------

/** A model can only do arithmetic, so every character gets a number, its token. In our dataset of
 * names, a is 0, b is 1, and so on up to z, which is 25. One more token, 26, is called BOS
 * (beginning of sequence). It goes before every name, so that even the first letter can be guessed
 * from something. It also goes after every name, where it means "the end", and guessing it is how
 * the model learns when to stop.
 *
 * `createTokenizer(['abcdefghijklmnopqrstuvwxyz']).encode('emma')` = [26, 4, 12, 12, 0, 26]
 *
 * These six tokens give the model five guesses to make:
 *
 *   26 -> 4              nothing yet -> e
 *   26 4 -> 12           e -> m
 *   26 4 12 -> 12        em -> m
 *   26 4 12 12 -> 0      emm -> a
 *   26 4 12 12 0 -> 26   emma -> the end */
export function createTokenizer(documents: string[]) {
  const characters = [...new Set(documents.join(''))]; // whole code points, so 😀 is one
  characters.sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const tokens = new Map(characters.map((character, token) => [character, token]));
  const bos = characters.length;
  function tokenOf(character: string): number {
    const token = tokens.get(character);
    if (token === undefined) throw new InputError(`${describe(character)} is not in the dataset`);
    return token;
  }
  /** A text's tokens, with BOS at each end. Throws an InputError if it has an unknown character. */
  const encode = (text: string): number[] => [bos, ...Array.from(text, tokenOf), bos];
  return { characters, bos, vocabSize: bos + 1, encode };
}
export type Tokenizer = ReturnType<typeof createTokenizer>;

// ---- 2. Autograd: numbers that know how to improve ----------------------------------------------
// Now that letters are numbers, we need numbers that can learn. Training asks each number in the
// model the same question: if we nudged you up a little, what would happen to the loss? Say that
// adding 0.01 makes the loss 0.03 larger. Then the loss grows three times as fast as the number,
// and the answer is 3. That is a derivative, and here it is called the gradient.
//
// We could find out by trying: nudge one number, run the model again, and look at the loss. But
// that would take 4192 runs for one step. Autograd needs only one run, thanks to three facts:
//
//   - Every operation knows its own rates: how fast its result grows if one operand grows while
//     the others hold still. For a * b, the rate for a is b.
//   - Along a chain of operations, rates multiply. If c grows twice as fast as b, and b grows three
//     times as fast as a, then c grows six times as fast as a. (This is called the chain rule.)
//   - If a number is used in two places, nudging it nudges both, so the two effects add up.
//
// All we have to do is write down every operation as it happens, on what is called a tape. Every
// number except a constant takes one slot on it. This is the tape of (a * 3 + b) * a, for a = 2
// and b = 4. Its data were computed from the top down, but its grads are found from the bottom up:
//
//   slot  made as          data  grad   passes on grad * rate (read from the bottom up)
//      0  a                   2    16
//      1  b                   4     2
//      2  slot 0 * 3          6     2   2 * 3 to slot 0, which had 10 and now has 16
//      3  slot 2 + slot 1    10     2   2 * 1 to slot 2, and 2 * 1 to slot 1
//      4  slot 3 * slot 0    20     1   1 * 2 to slot 3, and 1 * 10 to slot 0
//
// The result starts with a grad of 1, because anything grows exactly as fast as itself. Then one
// walk back along the tape is enough. A slot is used only by slots written after it, so by the time
// the walk reaches it, its grad is complete. You can check the 16 by nudging: for a = 2.01, we get
// `(2.01 * 3 + 4) * 2.01` = 20.1603, so adding 0.01 made the result 0.16 larger.
//
// It would be natural to make each slot an object, with a list of its operands. But long arrays of
// plain numbers are about twice as fast. The first three below have an entry per slot. The other
// two have one per operand: first those of slot 0, then those of slot 1, and so on.

const data = new Float64Array(2 ** 23); // for each slot, its number
const grad = new Float64Array(2 ** 23); // and its gradient
const starts = new Int32Array(2 ** 23 + 1); // its operands run from here to the next slot's start
const operands = new Int32Array(2 ** 25); // for each operand, the slot it is in
const rates = new Float64Array(2 ** 25); // and how fast the result grows with it
let nextSlot = 0, nextOperand = 0;
type Operand = Value | number; // a plain number is a constant, and needs no gradient
const plain = (x: Operand): number => (typeof x === 'number' ? x : x.data);
/** Writes down one operand of the Value that is about to be made. */
function record(x: Operand, rate: number): void {
  if (typeof x === 'number') return;
  operands[nextOperand] = x.slot;
  rates[nextOperand++] = rate;
}

/** A number that remembers how it was made: `new Value(2).mul(3).data` = 6. The object knows only
 * its slot. The tape has the rest: its operands are those recorded since the Value before it. You
 * can find the rates in any table of derivatives. Throws an InputError if the tape is full. */
export class Value {
  readonly slot = nextSlot++;
  constructor(x: number, a: Operand = 0, aRate = 0, b: Operand = 0, bRate = 0) {
    record(a, aRate);
    record(b, bRate);
    if (nextSlot > data.length || nextOperand > operands.length) throw new InputError(tapeIsFull);
    data[this.slot] = x;
    grad[this.slot] = 0;
    starts[this.slot + 1] = nextOperand; // our operands end here, where the next one's start
  }
  get data() { return data[this.slot]; }
  set data(x) { data[this.slot] = x; }
  get grad() { return grad[this.slot]; }
  set grad(x) { grad[this.slot] = x; }
  //                                 the result              operand, rate    operand, rate
  add(y: Operand) { return new Value(this.data + plain(y),   this, 1,         y, 1); }
  sub(y: Operand) { return new Value(this.data - plain(y),   this, 1,         y, -1); }
  mul(y: Operand) { return new Value(this.data * plain(y),   this, plain(y),  y, this.data); }
  pow(n: number)  { return new Value(this.data ** n,         this, n * this.data ** (n - 1)); }
  exp()           { return new Value(Math.exp(this.data),    this, Math.exp(this.data)); }
  log()           { return new Value(Math.log(this.data),    this, 1 / this.data); }
  relu()          { return new Value(Math.max(0, this.data), this, this.data > 0 ? 1 : 0); }
  div(y: Operand) {
    return new Value(this.data / plain(y), this, 1 / plain(y), y, -this.data / plain(y) ** 2);
  }

  /** Adds to the grads of all Values that this one was made from. Call it once for each tidy(), as
   * a second call would pass on old grads again. (Going backwards all the way is fastest.) */
  backward(): void {
    this.grad = 1;
    for (let slot = this.slot; slot >= 0; slot--) {
      const g = grad[slot], start = starts[slot];
      if (g === 0) continue; // nothing to pass on
      for (let i = starts[slot + 1] - 1; i >= start; i--) grad[operands[i]] += rates[i] * g;
    }
  }
}

export type Vector = readonly Value[];
export type Matrix = readonly Vector[]; // its rows

/** The dot product, a[0] * b[0] + a[1] * b[1] + and so on: `dot([1, 2, 3], [4, 5, 6])` = 32. (In
 * such examples, plain numbers stand for Values.) Nearly all the work of a GPT is dot products, so
 * this is fast: with mul() and add(), it would take 2 * n - 1 slots for n products. Here it takes
 * one slot with 2 * n operands. Throws a RangeError if the lengths differ. */
export function dot(a: Vector, b: Vector): Value {
  if (a.length !== b.length) throw new RangeError(`dot() of ${a.length} and ${b.length} Values`);
  let total = 0, next = nextOperand; // a local variable is faster
  for (let i = 0; i < a.length; i++) {
    const p = a[i].slot, q = b[i].slot;
    total += data[p] * data[q];
    operands[next] = p;
    rates[next++] = data[q]; // as in mul(), the rate for one factor is the other factor
    operands[next] = q;
    rates[next++] = data[p];
  }
  nextOperand = next;
  return new Value(total); // its operands are those that we have just recorded
}

/** Every step of training makes thousands of Values, which would soon fill the tape. So this runs
 * body and then rewinds the tape. (The model's own numbers are older, so they stay.) Don't use
 * body's Values after that, because their slots are reused. Let it return numbers or text. */
export function tidy<T extends number | string | void | readonly number[]>(body: () => T): T {
  const before = [nextSlot, nextOperand];
  try { return body(); } finally { [nextSlot, nextOperand] = before; }
}

// ---- 3. Parameters: the numbers that learn ------------------------------------------------------
// A model is a pile of numbers, its parameters. Training sets them, but we choose how many there
// are, and how to train them. Change a number, and --eval tells you whether that helped.

const hyperparameters = { // name: [default, meaning]
  nEmbd: [16, 'width: how many numbers describe a token inside the model'],
  nHead: [4, 'attention heads, which divide the width among them'],
  nLayer: [1, 'layers, each with attention, then an MLP'],
  blockSize: [16, 'context: how many tokens in a row the model can see'],
  numSteps: [1000, 'training steps, one document each'],
  learningRate: [0.01, 'size of the first training step; later ones shrink towards 0'],
  temperature: [0.5, 'how boldly to sample: 0 always takes the likeliest, 1 is true to the model'],
  numSamples: [20, 'how many documents to invent'],
  eval: [0, 'documents to set aside, for testing the model afterwards'],
  seed: [42, 'for the random numbers: same seed, same output'],
} as const;
export type Config = Record<keyof typeof hyperparameters, number>;

/** Makes the parameters, in matrices of rows and columns.
 *
 * The number 4 says nothing about the letter e. So the model has 16 numbers that describe it,
 * called the embedding of e. They are row 4 of the matrix wte (weights of the token embeddings). At
 * first that row is noise. But letters that are used in similar ways become similar. In the end,
 * the rows most like e's are those of u, o, a, i and y. Nobody told the model about vowels.
 *
 * draw() gives small random numbers to start from. Small, so that the guesses are all about even at
 * first. Random, because if they were all equal, the 16 numbers in a row would get equal gradients,
 * and stay equal for ever: 16 doing the work of one. */
export function createModel(config: Config, vocabSize: number, draw: () => number) {
  const matrix = (rows: number, columns: number): Matrix =>
    Array.from({ length: rows }, () => Array.from({ length: columns }, () => new Value(draw())));
  const { nEmbd, blockSize, nLayer } = config;
  return {
    config,
    wte: matrix(vocabSize, nEmbd), // token embeddings: row 4 describes e
    wpe: matrix(blockSize, nEmbd), // position embeddings: row 1 describes the place after BOS
    lmHead: matrix(vocabSize, nEmbd), // the way out (language model head): row 4 scores e
    layers: Array.from({ length: nLayer }, () => ({
      wq: matrix(nEmbd, nEmbd), // for attention: makes queries (all of this is explained there)
      wk: matrix(nEmbd, nEmbd), // makes keys
      wv: matrix(nEmbd, nEmbd), // makes values
      wo: matrix(nEmbd, nEmbd), // blends what the heads heard
      fc1: matrix(4 * nEmbd, nEmbd), // for the MLP (fully connected): from 16 numbers to 64
      fc2: matrix(nEmbd, 4 * nEmbd), // and back to 16
    })),
  };
}
export type Model = ReturnType<typeof createModel>;
type Layer = Model['layers'][number];
/** All parameters: `27 * 16 + 16 * 16 + 27 * 16 + (4 + 4 + 4) * 16 * 16` = 4192 of them. */
export const parameters = ({ wte, wpe, lmHead, layers }: Model): Value[] =>
  [wte, wpe, lmHead, ...layers.flatMap((layer) => Object.values(layer))].flat(2);

// ---- 4. Model: from a letter to a guess ---------------------------------------------------------
// How do numbers become a guess? gpt(), at the end of this section, takes a token and its position,
// and scores each of the 27 tokens as the one to come next. These scores are called logits. On the
// way, it works on x, a vector of 16 numbers that holds all it has found out at this position:
//
//   x = what the token means + what its position means    (a row of wte, and a row of wpe)
//   in each layer:
//     x = x + what it hears from the letters so far       (attention)
//     x = x + what it makes of that                       (MLP, multi-layer perceptron)
//   logits = a score for each token                       (a dot with each row of lmHead)
//
// Each part adds its findings to x. Don't they get lost in the sum? No more than an instrument in a
// recording: each adds its own pattern, and linear(), below, can pick that pattern out again. Sums
// also help on the way back. A gradient is multiplied by the rate of every operation it passes, and
// often shrinks. But the rates of a sum are 1, so along the sums it reaches even the first layer at
// full strength. (x is called the residual stream.)
//
// For emma, gpt() is called with BOS at position 0, then with e at position 1, and so on. Each call
// leaves something in a cache for later calls. No data flows the other way, so the model is causal:
// it can't peek at the letters that it has to guess, not even in training, when we have them all.
//
// Shapes are written like this: (n) -> (m) takes a vector of n numbers, and gives one of m.

/** The sum of the numbers in a vector. */
export const sum = (x: Vector): Value => x.reduce((total, xi) => total.add(xi));
/** Adds two vectors, number by number: `add([1, 2], [3, 4])` = [4, 6]. (n), (n) -> (n) */
export const add = (x: Vector, y: Vector): Vector => x.map((xi, i) => xi.add(y[i]));
/** A matrix times a vector: the dot product of each row with x. Think of a row as a pattern: the
 * product is large if x is large in the same places, with the same signs. So [3, 4] is rich in the
 * first pattern here, and poor in the second: `linear([[1, 1], [1, -1]], [3, 4])` = [7, -1].
 * (m, n), (n) -> (m) */
export const linear = (w: Matrix, x: Vector): Vector => w.map((row) => dot(row, x));

/** Turns scores, which can be any numbers, into probabilities, which are positive and add up to 1.
 * It raises 2.718... (Euler's number) to each score, and divides by the total. For the scores 0 and
 * 1.0986 these powers are 1 and 3, a quarter and three quarters of their total:
 * `softmax([0, 1.0986])` = [0.25, 0.75]. (n) -> (n) */
export function softmax(scores: Vector): Vector {
  // A power could overflow: `Math.exp(1000)` = Infinity. So we subtract the largest score first.
  // This divides all the powers by the same number, so their shares stay the same.
  const largest = scores.reduce((max, score) => Math.max(max, score.data), -Infinity);
  const powers = scores.map((score) => score.sub(largest).exp());
  const total = sum(powers);
  return powers.map((power) => power.div(total));
}

/** Makes the numbers in x about as large as 1, by dividing them by their root mean square (the root
 * of the mean of their squares): `rmsnorm([3, 4])` = [0.8485, 1.1314]. Why? In linear(), each
 * number in a matrix is multiplied by one in x. But attention and the MLP keep adding to x, so it
 * tends to grow, and when it is ten times as large, the same nudge to the matrix does ten times as
 * much. So both get a copy of x that is scaled like this, and one learning rate suits them all.
 * (Zhang and Sennrich 2019.) (n) -> (n) */
export function rmsnorm(x: Vector): Vector {
  const factor = dot(x, x).div(x.length).add(1e-5).pow(-0.5); // 1 / root; 1e-5 in case x is 0
  return x.map((xi) => xi.mul(factor));
}

/** The KV cache: a head's keys and values for all positions so far, and weights for --explain. */
type Cache = { keys: Vector[]; values: Value[][]; weights: Vector[] };

/** Attention lets a position hear from those before it, and from itself (Vaswani et al. 2017).
 * Everything else in the model is done for each position on its own. Say the second m in emma wants
 * to know which vowel came before. From its own x, each position makes three vectors:
 *
 *   a query   what am I looking for?        m: "a vowel"
 *   a key     what do I have to offer?      e: "a vowel"
 *   a value   what do I say if asked?       e: "I am an e"
 *
 * 1. The dot product of m's query and a key is large if the two match. It is the key's score.
 * 2. softmax turns the scores into shares, which are called attention weights.
 * 3. m hears all the values, averaged with these weights, so e is by far the loudest. With weights
 *    of 0.25 and 0.75, say, values of 4 and 8 become `dot([0.25, 0.75], [4, 8])` = 7.
 *
 * Nobody tells the model to look for vowels. Three matrices make the three vectors, and only the
 * way we use them makes one the question and another the answer. Training finds out what to ask.
 *
 * Each head does this with 4 of the 16 numbers in each vector, so a position can ask four questions
 * at once. (nEmbd) -> (nEmbd) */
function attention(x: Vector, layer: Layer, heads: Cache[]): Vector {
  const query = linear(layer.wq, x), key = linear(layer.wk, x), value = linear(layer.wv, x);
  const headDim = x.length / heads.length; // 16 / 4
  const heard = heads.flatMap(({ keys, values, weights }, head) => {
    const start = head * headDim, end = start + headDim; // this head's part
    // keys[2] is the key of position 2. But values lies on its side: values[0] has the first number
    // of every value, so that linear() can average them.
    keys.push(key.slice(start, end));
    value.slice(start, end).forEach((number, i) => values[i].push(number));
    // A sum of n products tends to grow like the root of n, as pluses and minuses partly cancel. So
    // we divide by that root. With large scores, one position would get nearly all the weight.
    const scores = linear(keys, query.slice(start, end)).map((s) => s.div(Math.sqrt(headDim)));
    weights.push(softmax(scores)); // one for each position so far
    return linear(values, weights.at(-1)!);
  });
  return linear(layer.wo, heard); // so far, each head has 4 numbers of its own; this blends them
}

/** One cache per layer and head. Its Values are on the tape, so backward() reaches them, too. */
export const emptyCaches = ({ config: { nEmbd, nHead }, layers }: Model): Cache[][] =>
  layers.map(() => Array.from({ length: nHead }, () =>
    ({ keys: [], values: Array.from({ length: nEmbd / nHead }, () => []), weights: [] })));

/** The MLP is where a position thinks about what it has heard, with 64 numbers as scratch paper.
 * relu sets those below 0 to 0. That sounds wasteful, but without it, two matrices could do no
 * more than one, just as 3 * (2 * x) = 6 * x. (nEmbd) -> (nEmbd) */
const mlp = (x: Vector, layer: Layer): Vector =>
  linear(layer.fc2, linear(layer.fc1, x).map((h) => h.relu()));

/** The logits for the next token. Call it for one position after another, with the same caches. */
export function gpt(model: Model, token: number, position: number, caches: Cache[][]): Vector {
  // Attention takes a mean, and a mean ignores order. Without wpe, our one layer would hear
  // the same in "ema" and "mea" when it gets to the a. (The sum is scaled to learn a bit faster.)
  let x = rmsnorm(add(model.wte[token], model.wpe[position]));
  for (const [i, layer] of model.layers.entries()) {
    x = add(x, attention(rmsnorm(x), layer, caches[i]));
    x = add(x, mlp(rmsnorm(x), layer));
  }
  return linear(model.lmHead, x);
}

// ---- 5. Training: guess, measure, nudge ---------------------------------------------------------

/** How wrong the model is about a document: the mean cost of its guesses. If it gave the true next
 * token a probability of p, the guess costs -Math.log(p):
 *
 *   p = 1        0       sure, and right
 *   p = 1 / 2    0.69
 *   p = 1 / 10   2.30    as unsure as with 10 equal choices; training gets about this far
 *   p = 1 / 27   3.30    as unsure as with all 27 tokens; training starts about here
 *   p -> 0       grows without limit: sure and wrong is worst
 *
 * Why a logarithm? The probability of a whole name is the product of these p's. Logarithms turn it
 * into a sum, so each guess has a cost of its own, and the costs of a name add up. */
export function lossOf(model: Model, tokens: number[]): Value {
  const caches = emptyCaches(model);
  const targets = tokens.slice(1, model.config.blockSize + 1); // it can't see more than a block
  const costs = targets.map((target, position) => {
    const probabilities = softmax(gpt(model, tokens[position], position, caches));
    return probabilities[target].log().mul(-1);
  });
  return sum(costs).div(costs.length);
}

/** Trains the model on one document per step, over and over. Yields the loss of each step. */
export function* train(model: Model, tokenizer: Tokenizer, documents: string[]) {
  const { numSteps, learningRate } = model.config;
  const nudge = adam(parameters(model));
  for (let step = 0; step < numSteps; step++) {
    const tokens = tokenizer.encode(documents[step % documents.length]);
    yield tidy(() => {
      const loss = lossOf(model, tokens); // 1. and 2. guess, and measure how wrong that was
      loss.backward(); // 3. find all gradients
      // 4. nudge: large steps to get there, small ones to settle
      nudge(learningRate * (1 - step / numSteps));
      return loss.data;
    });
  }
}

/** Adam decides how far to nudge each parameter (Kingma and Ba 2014). We could just go down the
 * gradient: p.data -= learningRate * p.grad. But then one odd name can throw the model off course,
 * and parameters with tiny gradients hardly move. So Adam keeps two running means for each:
 *
 *   m   of its gradients. We follow m, not the latest gradient, so odd names average out.
 *   v   of their squares. Its root is the usual size of the gradient. We divide by that, so most
 *       parameters move at about the same pace.
 *
 * beta1 and beta2 say how slowly they forget: m recalls about `1 / (1 - 0.85)` = 7 steps, v 100. */
export function adam(parameters: Value[], beta1 = 0.85, beta2 = 0.99, epsilon = 1e-8) {
  const m = new Float64Array(parameters.length), v = new Float64Array(parameters.length);
  let step = 0;
  return (learningRate: number): void => {
    step++;
    // Both means start at 0, so they are too small at first: after one step, m is only 0.15 times
    // the gradient. Dividing by 1 - beta ** step makes up for that.
    const mShare = 1 - beta1 ** step, vShare = 1 - beta2 ** step;
    for (let i = 0; i < parameters.length; i++) {
      const p = parameters[i];
      m[i] = beta1 * m[i] + (1 - beta1) * p.grad;
      v[i] = beta2 * v[i] + (1 - beta2) * p.grad ** 2;
      p.data -= learningRate * (m[i] / mShare) / (Math.sqrt(v[i] / vShare) + epsilon); // never / 0
      p.grad = 0; // or the next step would add to it
    }
  };
}

// ---- 6. Sampling: inventing a name --------------------------------------------------------------

/** Picks an index at random: the larger its weight, the likelier. Think of the weights as
 * planks, laid end to end. `random`, in [0, 1), says how far to walk, and we pick the plank
 * we end up on: `choose([1, 3], 0.2)` = 0 and `choose([1, 3], 0.3)` = 1. */
export function choose(weights: number[], random: number): number {
  const total = weights.reduce((a, b) => a + b, 0);
  let end = 0;
  return weights.findIndex((weight) => (end += weight) > random * total);
}

/** Invents a document. The model guesses, we roll the dice, and the token that comes up is what the
 * model sees next. This goes on until the dice say BOS, or the block is full. Why dice? If we took
 * the likeliest letter every time, every name would be the same. A prompt skips the dice.
 *
 * First, the logits are divided by the temperature (--temperature 0 means 0.000001). Below 1, that
 * widens the gaps between them, so favourites become even stronger favourites. At 0.5, odds of
 * 1 : 3 become 1 : 9: `softmax([0 / 0.5, 1.0986 / 0.5])` = [0.1, 0.9]. Above 1, they get closer. */
export function sample(model: Model, tokenizer: Tokenizer, random: Random, prompt = ''): string {
  const { blockSize, temperature } = model.config;
  const given = tokenizer.encode(prompt).slice(1, -1); // without BOS
  return tidy(() => {
    const caches = emptyCaches(model);
    let token = tokenizer.bos, text = '';
    for (let position = 0; position < blockSize; position++) {
      const logits = gpt(model, token, position, caches).map((logit) => logit.div(temperature));
      const probabilities = softmax(logits).map((p) => p.data);
      token = given[position] ?? choose(probabilities, random.random());
      if (token === tokenizer.bos) break;
      text += tokenizer.characters[token];
    }
    return text;
  });
}

// ---- 7. Main: all of it -------------------------------------------------------------------------

/** The whole program. Throws an InputError (see B) for a mistake in the options or in the data. */
export async function main(args: string[]): Promise<void> {
  const { help, config, source, prompt, explain } = parseCommandLine(args);
  if (help) return print(usage());
  const random = new Random(config.seed);
  // The list begins with the most popular names, so it needs shuffling.
  const documents = random.shuffle(await loadDocuments(source));
  print(`num docs: ${documents.length}`);
  const tokenizer = createTokenizer(documents);
  print(`vocab size: ${tokenizer.vocabSize}`);
  const { training, heldOut } = holdOut(cutToBlock(documents, config.blockSize), config.eval);
  checkFits(config, tokenizer);
  const model = createModel(config, tokenizer.vocabSize, () => random.gauss(0, 0.08));
  print(`num params: ${parameters(model).length}`);
  const start = fit(prompt, tokenizer, '--prompt', config.blockSize - 1); // room to go on
  const word = fit(explain ?? '', tokenizer, '--explain', config.blockSize);

  const steps = train(model, tokenizer, training);
  const stepsDone = await watch(steps, config.numSteps, tokenizer.vocabSize);
  for (const p of parameters(model)) finite(p.data, 'a parameter is');
  if (heldOut.length > 0) print(evaluate(model, tokenizer, training.slice(0, stepsDone), heldOut));
  if (explain !== undefined) return print(explainWord(model, tokenizer, word));

  print('\n--- inference (new, hallucinated names) ---'); // inference: using a trained model
  for (let i = 1; i <= config.numSamples; i++) {
    print(`sample ${String(i).padStart(2)}: ${sample(model, tokenizer, random, start)}`);
    await nextTurn(); // lets Ctrl-C and a closed pipe get through
  }
  // Some of these names are real, and others only sound as if they were. The model can't tell. It
  // makes them all up in the same way, just as ChatGPT does its sentences, true or not.
}

// ---- A. Random numbers --------------------------------------------------------------------------

/** Python's random.Random, so that our names match the original's. It is the Mersenne Twister
 * MT19937 (Matsumoto and Nishimura 1998), whose constants hold no secrets you need to know.
 * Throws a RangeError unless the seed is a whole number from 0 to 2 ** 53 - 1. */
export class Random {
  readonly #state = new Uint32Array(624);
  #next = 0; // which number of the state is replaced next
  readonly #spare: number[] = []; // gauss() makes two numbers at a time
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`${seed} cannot be a seed`);
    const key = seed < 2 ** 32 ? [seed] : [seed % 2 ** 32, Math.floor(seed / 2 ** 32)];
    const s = this.#state;
    const stir = (i: number, factor: number) => Math.imul(s[i - 1] ^ (s[i - 1] >>> 30), factor);
    s[0] = 19650218;
    for (let i = 1; i < 624; i++) s[i] = stir(i, 1812433253) + i;
    for (let k = 0; k < 624 + 623; k++) { // round 1 stirs in the key, round 2 the position
      const i = (k % 623) + 1;
      if (k < 624) s[i] = (s[i] ^ stir(i, 1664525)) + key[k % key.length] + (k % key.length);
      else s[i] = (s[i] ^ stir(i, 1566083941)) - i;
      s[0] = s[623]; // 1 comes after 623, and looks back at 0
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
  /** Puts the items into random order, in place, and returns them. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const bits = 32 - Math.clz32(i + 1); // as many as i + 1 has, though i may have fewer
      let j = this.#bits(bits);
      while (j > i) j = this.#bits(bits);
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}

// ---- B. Command line ----------------------------------------------------------------------------
import { createReadStream, existsSync, lstatSync, realpathSync } from 'node:fs';
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';

/** A mistake in what we were given. The user sees its message on one line, with no stack trace. */
export class InputError extends Error { exitCode = 1; }
class UsageError extends InputError { override exitCode = 2; } // one on the command line
const tapeIsFull = 'the model is too large; lower --n-embd, --n-layer or --block-size';
const ranges: Partial<Record<keyof Config, [least: number, most: number]>> = { // others: 0 to 1e9
  nEmbd: [1, 256], nHead: [1, 256], nLayer: [1, 100], blockSize: [1, 1024],
  learningRate: [0, 1000], temperature: [0, 1e6], seed: [0, Number.MAX_SAFE_INTEGER],
};
const fractions = ['learningRate', 'temperature']; // the other settings are whole numbers
const flagOf = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The text of --help. */
export const usage = (): string => [
  'Usage: npx -y tsx micro_gpt.ts [options]. The options, with their defaults:',
  ...Object.entries(hyperparameters).map(([name, [standard, meaning]]) =>
    `  --${`${flagOf(name)} ${standard}`.padEnd(20)} ${meaning}`),
  '  --data FILE_OR_URL     train on its lines; otherwise on input.txt, or names.txt from the web',
  '  --prompt TEXT          what the samples begin with',
  '  --explain WORD         instead of samples, show how the model reads WORD',
].join('\n');

/** What the user typed for each option. Throws a UsageError for what parseArgs() refuses. */
function readOptions(args: string[]) {
  const text = { type: 'string' } as const;
  const options = {
    help: { type: 'boolean', short: 'h' }, data: text, prompt: text, explain: text,
    ...Object.fromEntries(Object.keys(hyperparameters).map((name) => [flagOf(name), text])),
  } as const;
  // parseArgs() takes the -1 in "--seed -1" for another option, but it understands "--seed=-1".
  const joined: string[] = [];
  for (const arg of args) {
    const isFlag = /^--[^=]+$/.test(joined.at(-1) ?? '');
    joined.push(isFlag && /^-\.?\d/.test(arg) ? `${joined.pop()}=${arg}` : arg);
  }
  try {
    return parseArgs({ args: joined, options }).values;
  } catch (error) {
    throw new UsageError(`${visible((error as Error).message)} (see --help)`);
  }
}

/** The settings. Throws a UsageError if one is out of range, or if two do not go together. */
export function parseCommandLine(args: string[]) {
  const { help, data: source, prompt = '', explain, ...rest } = readOptions(args);
  const given: Record<string, string | undefined> = rest; // TypeScript has lost their names
  const config = Object.fromEntries(Object.entries(hyperparameters).map(([name, [standard]]) => {
    const text = given[flagOf(name)] ?? String(standard);
    const n = text.trim() === '' ? NaN : Number(text);
    const [least, most] = ranges[name as keyof Config] ?? [0, 1e9];
    const isFraction = fractions.includes(name);
    if (n >= least && n <= most && (Number.isInteger(n) || isFraction)) return [name, n];
    const range = `a ${isFraction ? '' : 'whole '}number from ${least} to ${most}`;
    throw new UsageError(`--${flagOf(name)} takes ${range}, not "${text}"`);
  })) as Config;
  config.temperature = Math.max(1e-6, config.temperature); // dividing by 0 would give NaN
  const { nEmbd, nHead } = config;
  const refuse = (message: string) => { throw new UsageError(message); };
  if (nEmbd % nHead !== 0) refuse(`--n-embd ${nEmbd} must be a multiple of --n-head ${nHead}`);
  if (prompt && explain !== undefined) refuse('--explain and --prompt do not go together');
  return { help, config, source, prompt, explain };
}

// ---- C. Looking inside --------------------------------------------------------------------------

/** Keeps the last `count` different documents out of training. */
export function holdOut(documents: string[], count: number) {
  const distinct = [...new Set(documents)]; // a document may be in the dataset twice
  const rest = distinct.length - count;
  if (rest < 1) throw new InputError(`--eval ${count} leaves none of the ${distinct.length} docs`);
  const heldOut = new Set(distinct.slice(rest));
  const training = documents.filter((document) => !heldOut.has(document));
  return { training, heldOut: [...heldOut] };
}

/** Checks that the tape has room for training on a whole block, and for sampling one. */
function checkFits(config: Config, { bos, vocabSize }: Tokenizer): void {
  const { nEmbd, nLayer, blockSize } = config;
  const size = (2 * vocabSize + blockSize) * nEmbd + 12 * nLayer * nEmbd ** 2; // see parameters()
  const makes = `${vocabSize} tokens and these options make ${size} parameters`;
  if (size > 1e6) throw new UsageError(`${makes}, over a million; lower --n-embd`);
  tidy(() => {
    const model = createModel(config, vocabSize, () => 0); // never trained
    const loss = lossOf(model, new Array<number>(blockSize + 1).fill(bos));
    for (let i = 0; i < blockSize * vocabSize; i++) loss.div(1); // as in sample()
  });
}

/** The text in the dataset's form of Unicode, since many accented letters can be written in two
 * ways. Throws an InputError if a character is unknown, a UsageError if there are too many. */
function fit(text: string, tokenizer: Tokenizer, option: string, maxLength: number): string {
  const isKnown = (character: string) => tokenizer.characters.includes(character);
  const forms = [text, text.normalize('NFC'), text.normalize('NFD')];
  const form = forms.find((form) => [...form].every(isKnown)) ?? text;
  if (tokenizer.encode(form).length - 2 <= maxLength) return form; // encode() throws if unknown
  throw new UsageError(`${option} "${text}" does not fit in a block; raise --block-size`);
}

/** Returns x. Throws an InputError if too large a learning rate has made it NaN or infinite. */
function finite(x: number, whatIs: string): number {
  if (!Number.isFinite(x)) throw new InputError(`${whatIs} ${x}; lower --learning-rate`);
  return x;
}

/** A report of the loss on documents set aside, compared with two simple ways to guess. */
export function evaluate(
  model: Model, tokenizer: Tokenizer, trained: string[], heldOut: string[],
): string {
  const { vocabSize } = tokenizer;
  const encode = (document: string) =>
    tokenizer.encode(document).slice(0, model.config.blockSize + 1);
  const totals = new Array<number>(vocabSize).fill(0); // how often a token came before another
  const pairs = new Map<string, number>(); // how often '4 12' did, which is a 4 and then a 12
  const count = (token: number, next: number) => pairs.get(`${token} ${next}`) ?? 0;
  const guessesIn = (tokens: number[]) => tokens.slice(1).map((next, i) => [tokens[i], next]);
  for (const [token, next] of trained.map(encode).flatMap(guessesIn)) {
    totals[token]++;
    pairs.set(`${token} ${next}`, count(token, next) + 1);
  }
  let guesses = 0, loss = 0, bigram = 0;
  for (const tokens of heldOut.map(encode)) {
    guesses += tokens.length - 1;
    loss += (tokens.length - 1) * tidy(() => lossOf(model, tokens).data);
    for (const [token, next] of guessesIn(tokens)) { // + 1, so that none has a probability of 0
      bigram -= Math.log((count(token, next) + 1) / (totals[token] + vocabSize));
    }
  }
  const line = (x: number) =>
    `${x.toFixed(4)}, as unsure as with ${Math.exp(x).toFixed(1)} equally likely characters`;
  return `\n--- evaluation (loss per character, ${heldOut.length} docs never trained on) ---\n`
    + `this model:      ${line(finite(loss / guesses, 'the loss is'))}\n`
    + `guessing evenly: ${line(Math.log(vocabSize))}\n`
    + `bigram table:    ${line(bigram / guesses)}`; // a guess from the last character alone
}

/** A walk through sections 1 to 5 with one word. It ends with a step of training, which changes the
 * model. Cells are separated by tabs, so it need not know how wide a character is. */
export function explainWord(
  model: Model, tokenizer: Tokenizer, word: string, columns = process.stdout.columns || 80,
): string {
  const tokens = tokenizer.encode(word).slice(0, model.config.blockSize + 1);
  const end = ['.', '|', '$'].find((sign) => !tokenizer.characters.includes(sign)) ?? 'BOS';
  const name = (token: number) => (tokenizer.characters[token] ?? end)
    .replace(/[\p{M}\u1160-\u11ff\ud7b0-\ud7ff]/u, '◌$&') // accents join what is before them
    .replace(/\p{C}/u, (invisible) => invisible.codePointAt(0)!.toString(16).padStart(2, '0'))
    .replace(' ', '␣');
  const percent = (p: number) => `${Math.round(100 * p)}%`;
  const seen = tokens.slice(0, -1);
  const lines = [`\n--- how the model reads "${visible(word)}" ---`,
    `tokens: ${tokens.join(' ')}`, '', 'whose embeddings are most similar'];

  const likeness = (a: Vector, b: Vector) => // 1 for the same direction, and 0 for a right angle
    tidy(() => dot(a, b).data / Math.sqrt(dot(a, a).data * dot(b, b).data));
  for (const token of new Set(tokens.filter((token) => token !== tokenizer.bos))) {
    const likenesses = model.wte.map((row) => likeness(model.wte[token], row));
    const others = highestFirst(likenesses).filter((other) => other !== token);
    lines.push(`${name(token)}\t${others.slice(0, 5).map(name).join(' ')}`);
  }

  const table = ['', 'sees\tnext\tchance\tcost\tlikeliest']; // made first, printed last
  tidy(() => {
    const caches = emptyCaches(model);
    const likeliestShown = Math.max(1, Math.min(5, Math.floor(columns / 8) - 4));
    for (const [position, token] of seen.entries()) {
      const next = tokens[position + 1];
      const logits = gpt(model, token, position, caches);
      const probabilities = softmax(logits).map((p) => p.data);
      const cost = (-Math.log(probabilities[next])).toFixed(2);
      const likeliest = highestFirst(probabilities).slice(0, likeliestShown)
        .map((guess) => `${name(guess)} ${percent(probabilities[guess])}`);
      const truth = [name(token), name(next), percent(probabilities[next]), cost];
      table.push([...truth, ...likeliest].join('\t'));
    }
    const width = Math.max(8, tokens.length + 1, `head ${model.config.nHead} `.length); // of a map
    const beside = Math.max(1, Math.floor((columns - 8) / width));
    const line = (start: string, cells: string[]) =>
      `${start}\t${cells.map((cell) => cell.padEnd(width)).join('')}`.trimEnd();
    for (const [layer, heads] of caches.entries()) {
      for (let first = 0; first < heads.length; first += beside) {
        const shown = heads.slice(first, first + beside);
        lines.push('', `where layer ${layer + 1} looks (left to right, in the order of the rows)`,
          line('', shown.map((_, i) => `head ${first + i + 1}`)));
        for (const [position, token] of seen.entries()) {
          const maps = shown.map(({ weights }) => weights[position].map(shade).join(''));
          lines.push(line(name(token), maps));
        }
      }
    }
  });

  const loss = () => finite(tidy(() => lossOf(model, tokens).data), 'the loss is').toFixed(2);
  const before = loss(), config = { ...model.config, numSteps: 1 };
  train({ ...model, config }, tokenizer, [word]).next();
  const after = `${loss()} after one large step of training, on this word alone`;
  return [...lines, ...table, '', `loss: ${before}, and ${after}`].join('\n');
}
const shade = ({ data: weight }: Value) => '·░▒▓█'[Math.round(4 * Math.sqrt(weight))];
/** The indices of the numbers, highest first. */
const highestFirst = (numbers: readonly number[]): number[] =>
  [...numbers.keys()].sort((a, b) => numbers[b] - numbers[a]);

// ---- D. Terminal --------------------------------------------------------------------------------

const print = (line: string): void => { process.stdout.write(`${line}\n`); };
const visible = (text: string): string => text.replace(/\p{Cc}/gu, ' ');
/** Prints a line to standard error, without control characters or passwords in addresses. */
function note(line: string): void {
  const clean = visible(line.replace(/(https?:\/\/)[^/?#]*@/gi, '$1'));
  try { process.stderr.write(`micro_gpt: ${clean}\n`); } catch {} // Deno throws; others: see F
}
const describe = (character: string): string => {
  const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  return `the character "${character}" (U+${code})`;
};
const mean = (numbers: number[]): number => numbers.reduce((a, b) => a + b) / numbers.length;

/** Runs the training and prints its steps, one per line. A terminal gets one line that changes,
 * and then a curve. Returns how many steps it did, as Ctrl-C may end the training early. */
async function watch(training: Generator<number>, numSteps: number, vocabSize: number) {
  const { stdout, platform, versions, env } = process;
  const live = stdout.isTTY // Deno comes first, as it would ask for permission to read TERM
    && (versions.deno || platform === 'win32' || (env.TERM && env.TERM !== 'dumb'));
  const columns = () => stdout.columns || 80; // may change at any time
  const pad = (n: number) => String(n).padStart(4);
  const losses: number[] = [], start = performance.now();
  let unprinted = '', nextPrintAt = 0;
  const stop = () => { training.return(undefined); }; // which ends the loop below
  process.once('SIGINT', stop); // Ctrl-C; a second one ends the program
  for (const loss of training) {
    const step = losses.push(loss), isGood = Number.isFinite(loss);
    if (isGood) unprinted += `step ${pad(step)} / ${pad(numSteps)} | loss ${loss.toFixed(4)}\n`;
    if (performance.now() < nextPrintAt && step < numSteps && isGood) continue;
    const recent = losses.slice(-50);
    const perSecond = (1000 * step) / (performance.now() - start);
    const progress = `step ${step} / ${numSteps}`
      + ` | loss ${mean(recent).toFixed(4)} (mean of ${recent.length})`
      + ` | ${perSecond.toFixed(0)} steps/s, ${((numSteps - step) / perSecond).toFixed(0)} s left`;
    // \r goes back to the start of the line, and \x1b[K clears what is left of it.
    stdout.write(live ? `\r${progress.slice(0, columns() - 1)}\x1b[K` : unprinted);
    unprinted = ''; // printing many at once is faster
    nextPrintAt = performance.now() + 20;
    await nextTurn(); // only here can Ctrl-C get through
    if (!isGood) break;
  }
  process.off('SIGINT', stop);
  if (losses.length === 0) return 0;
  if (live) print('');
  finite(losses[losses.length - 1], `step ${losses.length}: loss`);
  const width = Math.min(columns(), 80) - 8;
  if (live && width >= 20) print(curve(losses, Math.log(vocabSize), width));
  return losses.length;
}

/** The losses as a curve of blocks, lowest at the bottom, guessing evenly on top. */
function curve(losses: number[], guessing: number, width: number): string {
  const edge = (i: number) => (i * losses.length) / width;
  const points = Array.from({ length: width }, (_, i) => // each the mean of one stretch
    mean(losses.slice(Math.floor(edge(i)), Math.ceil(edge(i + 1)))));
  const lowest = Math.min(...points, guessing);
  const height = (x: number) => (x < guessing ? (x - lowest) / (guessing - lowest) : 1); // 0 to 1
  const row = (rowsBelow: number) => points.map((x) => {
    const eighths = Math.round(5 * 8 * height(x)) - 8 * rowsBelow; // 5 rows of 8
    return ' ▁▂▃▄▅▆▇█'[Math.max(0, Math.min(8, eighths))];
  }).join('');
  return ['', `${guessing.toFixed(2).padStart(5)} ┬${' guessing evenly '.padEnd(width, '┄')}`,
    ...[4, 3, 2, 1, 0].map((rowsBelow) => `      │${row(rowsBelow)}`),
    `${lowest.toFixed(2).padStart(5)} ┴${'─'.repeat(width)}`,
    `       step 1${`step ${losses.length}`.padStart(width - 6)}`].join('\n');
}

// ---- E. Documents -------------------------------------------------------------------------------

const namesUrl = 'https://raw.githubusercontent.com/karpathy/makemore/master/names.txt';
/** The lines of a stream, trimmed, minus the blank ones. Throws an Error if they can't be names. */
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
  const page = /^<(!|\?|html|head|body|script)/i.test(full[0] ?? '');
  if (page) throw new Error('it is a web page, not a list');
  if (full.length < atLeast) throw new Error('it has too few lines (each should hold a name)');
  return full;
}

/** The lines at an address. Throws an InputError if it fails, or takes more than `timeout` ms. */
async function download(url: string, timeout: number, atLeast?: number): Promise<string[]> {
  note(`reading ${url}`);
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeout) });
    if (response.status === 200 && response.body) return await linesOf(response.body, atLeast);
    await response.body?.cancel(); // or the page that comes with a 404 would keep us waiting
    throw new Error(`the response was ${response.status}, not 200`);
  } catch (error) {
    const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
    const reason = cause?.message || cause?.code || message; // message is only "fetch failed"
    throw new InputError(`cannot read ${url}: ${reason}`);
  }
}

/** The documents to train on: the lines of source (a file or an address), if given, or else of
 * input.txt. If that doesn't exist, names.txt is downloaded and saved as input.txt. If the download
 * fails, the built-in names have to do. Throws an InputError if a source can't be used. */
export async function loadDocuments(
  source?: string, folder = '.', url = namesUrl, timeout = 30_000,
): Promise<string[]> {
  if (source?.match(/^https?:\/\//i)) return download(source, timeout);
  const file = source ?? `${folder}/input.txt`;
  try {
    return await linesOf(createReadStream(file));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (source !== undefined || code !== 'ENOENT') {
      throw new InputError(`cannot read "${file}": ${message}`);
    }
  }
  const names = await download(url, timeout, 1000) // it has 32,033
    .catch(({ message }: Error) => note(`${message}; using the names built into this file`));
  if (!names) return [...builtInNames]; // as note() returns nothing
  const part = `${file}.${process.pid}.part`; // so that input.txt is never half written
  try {
    writeFileSync(part, names.join('\n'));
    const isThere = lstatSync(file, { throwIfNoEntry: false }); // another run may have saved it
    if (!isThere) renameSync(part, file);
  } catch (error) {
    note(`cannot save names.txt: ${(error as Error).message}`);
  }
  try { rmSync(part, { force: true }); } catch {} // Deno may forbid it
  return names;
}

/** Cuts documents to what fits in a block, and tells the user if it cut any. */
export function cutToBlock(documents: string[], blockSize: number): string[] {
  const fitting = documents.map((document) => // a character takes one or two places in a string
    [...document.slice(0, 2 * blockSize)].slice(0, blockSize).join(''));
  const cut = documents.filter((document, i) => document.length > fitting[i].length).length;
  const fate = `longer than ${blockSize} characters, and are cut there (see --block-size)`;
  if (cut > 0) note(`${cut} of ${documents.length} docs are ${fate}`);
  return fitting;
}

/** For a run without a network: common first names from many languages. */
export const builtInNames = `
aaliyah abdul abebe adam adela adriana agnes ahmed aiko aisha akira alba alejandro alex ali alice
alma amara amina amir ana anders andrea andrei angela anh anika anita anna anton antonio arjun
arthur aryan asha ayesha aziz beatriz bela ben bilal bjorn boris bruno camila carla carlos carmen
cecilia chen chiara chidi chika chloe claire clara daniel daria david deepa diana diego dina dmitri
eduardo ela elena elias ella emil emilia emma erik esther eva fatima felix femi filip finn fiona
francesca frida gabriel giulia grace greta gustavo hana hannah hans hassan helena henrik hiroshi
hugo ibrahim ida igor imani ines ingrid irina isabel ivan jack jakub james jan javier joao johan
jorge jose juan julia kamal karin karl kemal kenji khadija kofi kwame laila lakshmi lars layla lea
leila lena leo leon liam lin linh livia louis lucas lucia luis luka luna maja malik manuel marco
maria marta martin maya mehmet mei mia miguel mika mila mohamed mona nadia naomi nia nikolai nina
noah noor nora olga oliver olivia omar oscar pablo paula pedro pierre priya rahul ravi rosa ruth
sakura sana sara sasha sergei sofia sonia stefan sven tamar tariq tatiana thomas uma vera victor
viktor wei william yara yuki yusuf zainab zara zoe`.trim().split(/\s+/);

// ---- F. Start -----------------------------------------------------------------------------------
// The program runs unless this file was imported. (Not every Node tells us: older ones have no
// import.meta.main, and in 24.2.0 it is wrong. Then we look ourselves.)
function isMain(): boolean {
  if (process.versions.deno) return false; // Deno does, and would ask for permission to look
  const path = process.argv[1] ?? ''; // tsx lets us leave out what is added here
  const names = [path, `${path}.ts`, path.replace(/js$/, 'ts'), `${path}/index.ts`];
  const file = names.find((name) => existsSync(name) && statSync(name).isFile());
  return file !== undefined && realpathSync(file) === realpathSync(new URL(import.meta.url));
}
if ((import.meta as { main?: boolean }).main || isMain()) {
  process.stderr.on('error', () => {}); // if a note cannot be written, we go on
  const cannotWrite = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') note(`cannot write: ${error.message}`);
    process.exit(error.code === 'EPIPE' ? 0 : 1); // whoever closed the pipe has seen enough
  };
  process.stdout.on('error', cannotWrite);
  main(process.argv.slice(2)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOSPC') cannotWrite(error); // Deno throws this one; this exits
    if (!(error instanceof InputError)) throw error;
    note(error.message);
    process.exitCode = error.exitCode;
  });
}
