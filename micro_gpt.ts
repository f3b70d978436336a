/** micro_gpt.ts: a GPT in one file.
 *
 * Show it a list of names, and it learns to invent new ones, such as kamon, jaire and vialan. It
 * learns by playing one game, over and over: given the letters so far, what comes next? At first it
 * has no idea. But with each name it gets a little better, in four steps:
 *
 *   1. Take a name from the dataset, and guess each of its letters in turn.
 *   2. Measure how wrong the guesses were, as a single number, the loss.
 *   3. The model is made of 4192 numbers. For each, find out how nudging it would change the loss.
 *   4. Nudge them all a little, so that together they make the loss smaller.
 *
 * After 1000 names, we feed its guesses back to it, and it writes names of its own. ChatGPT began
 * the same way, with far more numbers, and pieces of words instead of letters.
 *
 *   Run it     npx -y tsx micro_gpt.ts             (add --help to see the options)
 *   Read it    Sections 1 to 7 are the whole GPT. A to F are plumbing, for the curious.
 *   Check it   This is a port of Andrej Karpathy's microgpt, from Python. It prints the same losses
 *              and names: https://karpathy.github.io/2026/02/12/microgpt/
 *
 * One name will keep us company: emma. When you've finished, --explain emma takes you through it
 * all again, with the numbers of a freshly trained model. */

// ---- 1. Tokenizer: letters become numbers -------------------------------------------------------

/** A model can only do arithmetic, so every character gets a number, its token. In our dataset of
 * names, a is 0, b is 1, and so on up to z, which is 25. One more token, 26, is called BOS
 * (beginning of sequence). It goes before every name, so that even the first letter has something
 * to be guessed from. It also goes after every name, where it means "the end". By learning to guess
 * it, the model learns when to stop.
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
  const characters = [...new Set(documents.join(''))]; // whole code points, so 😀 counts as one
  characters.sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const tokens = new Map(characters.map((character, token) => [character, token]));
  const bos = characters.length;
  /** A text's tokens, with BOS at each end. All its characters must be known. */
  const encode = (text: string): number[] =>
    [bos, ...Array.from(text, (character) => tokens.get(character)!), bos];
  return { characters, bos, vocabSize: bos + 1, encode };
}
export type Tokenizer = ReturnType<typeof createTokenizer>;

// ---- 2. Autograd: numbers that know how to improve ----------------------------------------------
// Now that letters are numbers, we need numbers that can learn. Training asks each number in the
// model the same question: if we nudged you up a little, what would happen to the loss? Say that
// adding 0.01 makes the loss 0.03 larger. Then the loss grows three times as fast as the number,
// and the answer is 3. That is a derivative, known in the trade as its gradient. A positive one
// says that this number should go down. And since the effects of small nudges simply add up, we can
// nudge all the numbers at once.
//
// We could find the gradients by trying: nudge one number, run the model again, and look at the
// loss. But that would take 4192 more runs for a single step. Autograd needs one run and one walk
// back, thanks to three facts:
//
//   - Every operation knows its own rates: how fast its result grows as one operand grows while
//     the others hold still. For a * b, the rate for a is b.
//   - Along a chain of operations, rates multiply. If c grows twice as fast as b, and b grows three
//     times as fast as a, then c grows six times as fast as a. (This is called the chain rule.)
//   - If a number is used in two places, nudging it nudges both, and the effects add up.
//
// All we have to do is keep a record as we calculate. Every number gets a slot, which holds the
// number and, in the end, its gradient. Here are the slots of (a * 3 + b) * a, for a = 5 and b = 7:
//
//   slot   made as           data   grad
//      0   a                    5     37
//      1   b                    7      5
//      2   slot 0 * 3          15      5
//      3   slot 2 + slot 1     22      5
//      4   slot 3 * slot 0    110      1
//
// The gradients come from a second table, the tape. Whenever we make a result, we write one line on
// the tape for each of its operands, with the rate between the two. (A constant like the 3 can't be
// nudged, so it needs neither a slot nor a line.) All gradients start at 0, except that of the last
// result, which is 1, because anything grows exactly as fast as itself. Then we read the tape from
// its last line to its first. At each line, we multiply the result's gradient by the rate, and add
// that to the operand's gradient. So start reading at the bottom, where the result is slot 4:
//
//   result   operand   rate   read
//        2         0      3    5th   adds 5 * 3 to slot 0, which had 22 already, and now has 37
//        3         2      1    4th   adds 5 * 1 to slot 2
//        3         1      1    3rd   adds 5 * 1 to slot 1
//        4         3      5    2nd   adds 1 * 5 to slot 3
//        4         0     22    1st   adds 1 * 22 to slot 0
//
// One walk is enough. A number must be made before it's used, so its uses come after it on the
// tape. Reading backwards, we meet all the uses first, which means that every gradient is complete
// by the time we pass it on. You can check the 37 by nudging: with a = 5.01 we get
// `(5.01 * 3 + 7) * 5.01` = 110.3703. Adding 0.01 to a made the result 0.37 larger.
//
// In the code, the columns of these tables are long arrays, with room for 8 million slots and 35
// million lines. (An object for each line would read better, but run several times slower.) tidy(),
// in section 5, rewinds the tape after each step of training.

const slots = { data: new Float64Array(8e6), grad: new Float64Array(8e6) };
const tape = { // results and operands are given by their slots
  results: new Int32Array(35e6), operands: new Int32Array(35e6), rates: new Float64Array(35e6),
};
let nextSlot = 0, nextLine = 0;

type Operand = Value | number; // a plain number is a constant
const raw = (x: Operand): number => (typeof x === 'number' ? x : x.data);

/** A number that remembers how it was made: `new Value(2).mul(3).data` = 6. The object itself knows
 * only its slot. Throws a RangeError if there are no slots or no lines left. */
export class Value {
  readonly slot = nextSlot++;
  constructor(x: number) {
    const isFull = nextSlot > slots.data.length || nextLine > tape.rates.length;
    if (isFull) throw new RangeError('the tape is full');
    slots.data[this.slot] = x;
    slots.grad[this.slot] = 0;
  }
  get data() { return slots.data[this.slot]; }
  set data(x) { slots.data[this.slot] = x; }
  get grad() { return slots.grad[this.slot]; }
  set grad(x) { slots.grad[this.slot] = x; }

  /** Writes a line on the tape: this was made from x, and grows `rate` times as fast as x does. */
  from(x: Operand, rate: number): this {
    if (typeof x === 'number') return this; // a constant needs no line
    const line = nextLine++;
    tape.results[line] = this.slot;
    tape.operands[line] = x.slot;
    tape.rates[line] = rate;
    return this;
  }

  // You'll find these rates in any table of derivatives. (relu is explained under mlp().)
  add(y: Operand) { return new Value(this.data + raw(y)).from(this, 1).from(y, 1); }
  sub(y: Operand) { return new Value(this.data - raw(y)).from(this, 1).from(y, -1); }
  mul(y: Operand) { return new Value(this.data * raw(y)).from(this, raw(y)).from(y, this.data); }
  div(y: Operand) { return this.mul(typeof y === 'number' ? 1 / y : y.pow(-1)); }
  pow(n: number)  { return new Value(this.data ** n).from(this, n * this.data ** (n - 1)); }
  exp()           { return new Value(Math.exp(this.data)).from(this, Math.exp(this.data)); }
  log()           { return new Value(Math.log(this.data)).from(this, 1 / this.data); }
  relu()          { return new Value(Math.max(0, this.data)).from(this, this.data > 0 ? 1 : 0); }

  /** The walk back, which gives a gradient to everything that this Value was made from. (Lines that
   * don't lead here pass on a gradient of 0.) Throws a RangeError if the tape was too short. */
  backward(): void {
    if (nextLine > tape.rates.length) throw new RangeError('the tape is full');
    this.grad = 1;
    const { grad } = slots, { results, operands, rates } = tape;
    for (let i = nextLine - 1; i >= 0; i--) grad[operands[i]] += rates[i] * grad[results[i]];
  }
}

export type Vector = readonly Value[];
export type Matrix = readonly Vector[]; // its rows

/** The dot product, a[0] * b[0] + a[1] * b[1] + ...: `dot([1, 2, 3], [4, 5, 6])` = 32. (In
 * examples like this, plain numbers stand in for Values.) Nearly all of a GPT's work is dot
 * products, so each is made in one go: one slot, and two lines on the tape per pair. */
export function dot(a: Vector, b: Vector): Value {
  const result = new Value(0);
  for (let i = 0; i < a.length; i++) {
    const x = a[i], y = b[i];
    result.data += x.data * y.data;
    result.from(x, y.data).from(y, x.data); // as in mul()
  }
  return result;
}

// ---- 3. Parameters: the numbers that learn ------------------------------------------------------
// A model is a pile of numbers, its parameters. Training finds them. All we choose is how many
// there are and how to train them. Change one of these settings, and --eval will tell you roughly
// whether it helped. (Section 4 explains heads and the MLP. A document, here, is one name.)

const settings = { // name: [default, meaning]
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
export type Config = Record<keyof typeof settings, number>;

/** Makes the parameters and arranges them in matrices.
 *
 * The number 4 says nothing about the letter e, so the model keeps 16 more that describe it.
 * Together they are the embedding of e: row 4 of the matrix wte (weights of the token embeddings).
 * At first that row is noise. But as the model learns, letters that are used in similar ways end up
 * with similar rows. In our run, the rows most like e's belong to u, o, a, i and y. Nobody told the
 * model about vowels.
 *
 * draw() gives small random numbers to start from. Small keeps the first guesses unsure. Random
 * makes the numbers different: if all were equal, the 16 that describe e would get equal gradients,
 * and stay equal for ever, 16 doing the work of one. */
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
      wq: matrix(nEmbd, nEmbd), // for attention: makes queries
      wk: matrix(nEmbd, nEmbd), // makes keys
      wv: matrix(nEmbd, nEmbd), // makes values
      wo: matrix(nEmbd, nEmbd), // blends what was heard
      fc1: matrix(4 * nEmbd, nEmbd), // for the MLP (fully connected): from 16 numbers to 64
      fc2: matrix(nEmbd, 4 * nEmbd), // and back to 16
    })),
  };
}
export type Model = ReturnType<typeof createModel>;
type Layer = Model['layers'][number];
/** All parameters: `27 * 16 + 16 * 16 + 27 * 16 + 4 * 16 * 16 + 2 * 64 * 16` = 4192 of them. */
export const parameters = ({ wte, wpe, lmHead, layers }: Model): Value[] =>
  [wte, wpe, lmHead, ...layers.flatMap((layer) => Object.values(layer))].flat(2);

// ---- 4. Model: from a letter to a guess ---------------------------------------------------------
// How do numbers become a guess? gpt(), at the end of this section, takes a token and its position,
// and scores each of the 27 tokens on how likely it is to come next. Its scores are called logits.
// On the way it builds up x, 16 numbers that hold its findings so far about this position:
//
//   x = what the token means + what its position means    (a row of wte, and a row of wpe)
//   in each layer:
//     x = x + what it hears from the letters so far       (attention)
//     x = x + what it makes of that                       (MLP, multi-layer perceptron)
//   logits = a score for each token                       (a dot product with each row of lmHead)
//
// For emma, gpt() is called with BOS at position 0, then with e at position 1, and so on. Each call
// leaves notes for the later ones (in a cache, which we'll meet in attention), but nothing about
// later letters ever reaches an earlier guess. That makes the model causal: it can't peek at the
// letters it has to guess, not even in training, when we have them all.
//
// Shapes are written like this: (n) -> (m) turns n numbers into m. (m, n) is m rows of n.

/** The sum of the numbers in a vector. */
export const sum = (x: Vector): Value => x.reduce((total, xi) => total.add(xi));

/** A matrix times a vector: the dot product of each row with x. (m, n), (n) -> (m)
 *
 * For example, `linear([[1, 1], [1, -1], [0, 1]], [3, 4])` = [7, -1, 4]. There are two ways to read
 * this, and we will need both:
 *
 *   by rows      Each row is a pattern, and its dot product says how well x matches it. [3, 4] is a
 *                good match for [1, 1], which gets a 7, and a bad one for [1, -1].
 *   by columns   Each number in x says how much of a column goes into the result:
 *                3 * [1, 1, 0] + 4 * [1, -1, 1] is [7, -1, 4], too. */
export const linear = (w: Matrix, x: Vector): Vector => w.map((row) => dot(row, x));

/** Adds two vectors, number by number: `add([1, 2], [3, 4])` = [4, 6]. (n), (n) -> (n)
 *
 * This is how each part of the model adds its findings to x. Don't they get lost in the sum? No
 * more than an instrument in a recording, if their patterns have little in common, like [1, 1] and
 * [1, -1], whose dot product is 0. Add 5 of the first to 1 of the second, and you get [6, 4]. Then
 * `linear([[1, 1], [1, -1]], [6, 4])` = [10, 2] brings back the 5 and the 1, each times 2, the dot
 * product of a pattern with itself.
 *
 * Sums help on the way back, too. A gradient is multiplied by the rate of each operation it meets,
 * and after many of them there may be little left. But the rates of a sum are 1, so along the sums
 * it reaches even the first layer at full strength. (x is called the residual stream.) */
export const add = (x: Vector, y: Vector): Vector => x.map((xi, i) => xi.add(y[i]));

/** Rows become columns: `transpose([[1, 2], [3, 4]])` = [[1, 3], [2, 4]]. (m, n) -> (n, m) */
const transpose = (w: Matrix): Matrix => w[0].map((_, i) => w.map((row) => row[i]));

/** Turns scores, which can be any numbers, into probabilities, which are positive and add up to 1.
 * It raises 2.718... (Euler's number) to each score, and divides by the total. For the scores 0 and
 * 1.0986 these powers are 1 and 3, a quarter and three quarters of their total:
 * `softmax([0, 1.0986])` = [0.25, 0.75]. (n) -> (n) */
export function softmax(scores: Vector): Vector {
  // A power could overflow: `Math.exp(1000)` = Infinity. So we first subtract the largest score,
  // which divides every power by the same number and leaves their shares as they were.
  const largest = Math.max(...scores.map((score) => score.data));
  const powers = scores.map((score) => score.sub(largest).exp());
  const total = sum(powers);
  return powers.map((power) => power.div(total));
}

/** Brings the numbers in x to a size of about 1, by dividing them by their root mean square (the
 * root of the mean of their squares): `rmsnorm([3, 4])` = [0.8485, 1.1314]. (n) -> (n)
 *
 * Why bother? In linear(), each number in the matrix is multiplied by a number in x. Where x has a
 * 1, nudging the matrix by 0.01 moves the product by 0.01. Where x has a 10, the same nudge moves
 * it by 0.1, and a careful step becomes a leap. And x does grow, because attention and the MLP keep
 * adding to it. So each of them works on a copy of x, brought down to size like this (Zhang and
 * Sennrich 2019). We leave x itself alone: only plain sums pass everything on unchanged. */
export function rmsnorm(x: Vector): Vector {
  const factor = dot(x, x).div(x.length).add(1e-5).pow(-0.5); // 1 / root; 1e-5 in case x is 0
  return x.map((xi) => xi.mul(factor));
}

/** What an attention head remembers of each position so far: a key, a value, and how it divided its
 * attention, all of which attention() is about to explain. (Elsewhere: the KV cache.) */
type Cache = { keys: Vector[]; values: Vector[]; shares: Vector[] };
/** One cache per layer and head. */
export const emptyCaches = ({ config, layers }: Model): Cache[][] => layers.map(() =>
  Array.from({ length: config.nHead }, () => ({ keys: [], values: [], shares: [] })));

/** Attention lets a position hear from those before it, and from itself (Vaswani et al. 2017).
 * Everything else in the model treats each position on its own. Say the second m in emma wants
 * to know which vowel came before. From its own x, each position makes three vectors:
 *
 *   a query   what am I looking for?        m: "a vowel"
 *   a key     what do I have to offer?      e: "a vowel"
 *   a value   what do I say if asked?       e: "I am an e"
 *
 * 1. The dot product of m's query and another position's key is that position's score. It is large
 *    if the two match.
 * 2. softmax turns the scores into shares (usually called attention weights).
 * 3. m hears all the values, weighted by these shares, so e is by far the loudest. With shares of
 *    0.25 and 0.75, say, values of 4 and 8 become `dot([0.25, 0.75], [4, 8])` = 7.
 *
 * Nobody told m to ask. Three matrices make the three vectors, and it is only our use of them that
 * turns one into the question and another into the answer. Training works out what to ask.
 * (These values have nothing to do with the class Value.)
 *
 * Since one question is not enough, a position asks four at once. Its vectors have 4 parts of 4
 * numbers, each made by rows of its own, and 4 heads do all of this side by side, each with its own
 * part. A head keeps the keys and values of all positions so far in its cache, which is the only
 * link between positions. Numbers go forward through it, and since it holds Values, gradients come
 * back: the matrix that made e's key learns from m's guess. (nEmbd) -> (nEmbd) */
function attention(x: Vector, layer: Layer, caches: Cache[]): Vector {
  const query = linear(layer.wq, x), key = linear(layer.wk, x), value = linear(layer.wv, x);
  const headDim = x.length / caches.length; // 16 / 4, as there is a cache for each head
  const heard = caches.flatMap((cache, head) => {
    const part = (v: Vector) => v.slice(head * headDim, (head + 1) * headDim); // this head's
    cache.keys.push(part(key));
    cache.values.push(part(value));
    // A score is a sum of headDim products. Pluses and minuses partly cancel, so a sum of n of them
    // tends to grow like the root of n (100 coins, each 1 or -1, add up to about 10). We divide by
    // that root, or wide heads would begin with large scores, sure before they know anything.
    const scores = linear(cache.keys, part(query)).map((score) => score.div(Math.sqrt(headDim)));
    const shares = softmax(scores); // one for each position so far
    cache.shares.push(shares); // only --explain looks at these
    return linear(transpose(cache.values), shares); // with a value in each column, this mixes them
  });
  return linear(layer.wo, heard); // so far, each head has 4 numbers of its own; this blends them
}

/** The MLP is where a position makes something of what it has heard. It has 64 rules of the form
 * "if you find this pattern in x, add that pattern". A rule might find "two consonants in a row",
 * and add "time for a vowel". The patterns to find are the rows of fc1. Those to add are the
 * columns of fc2: the better the match, the more is added. In between, relu turns whatever is below
 * 0 into 0, so that a rule whose pattern isn't there adds nothing. relu is the "if". Without it,
 * two matrices could do no more than one, just as 3 * (2 * x) = 6 * x. (nEmbd) -> (nEmbd) */
const mlp = (x: Vector, layer: Layer): Vector =>
  linear(layer.fc2, linear(layer.fc1, x).map((h) => h.relu()));

/** The logits for the next token. Call this for each position in turn, with the same caches. */
export function gpt(model: Model, token: number, position: number, caches: Cache[][]): Vector {
  // Attention takes a mean, and a mean ignores order. Without wpe, our one layer would hear the
  // same thing in "ema" and in "mea" when it gets to the a. (Beginning with an x of size 1 is
  // optional, but training gets going a bit faster.)
  let x = rmsnorm(add(model.wte[token], model.wpe[position]));
  for (const [i, layer] of model.layers.entries()) {
    x = add(x, attention(rmsnorm(x), layer, caches[i]));
    x = add(x, mlp(rmsnorm(x), layer));
  }
  return linear(model.lmHead, x); // (others scale x once more here; we tried, and it got worse)
}

// ---- 5. Training: guess, measure, nudge ---------------------------------------------------------

/** What each guess in a document costs. If the model gave the true next token a probability of p,
 * the guess costs -Math.log(p):
 *
 *   p = 1        0       sure, and right
 *   p = 1 / 2    0.69
 *   p = 1 / 10   2.30    like guessing among 10 equal choices; training gets about this far
 *   p = 1 / 27   3.30    like guessing among all 27 tokens; training starts about here
 *   p -> 0       grows without limit: sure and wrong is worst
 *
 * Why a logarithm? The probability of a whole name is the product of these p's. Logarithms turn
 * that into a sum: each guess has a cost of its own, and a name's costs add up. (The logarithm of a
 * number below 1 is negative, hence the minus.) */
export function costsOf(model: Model, tokens: number[]): Vector {
  const caches = emptyCaches(model);
  const targets = tokens.slice(1, model.config.blockSize + 1); // blockSize is all it can see
  return targets.map((target, position) => {
    const probabilities = softmax(gpt(model, tokens[position], position, caches));
    return probabilities[target].log().mul(-1);
  });
}

/** How wrong the model is about a document: the mean cost of its guesses. For emma, the five
 * guesses of a trained model cost 2.97, 2.77, 4.62 (a second m is a surprise), 1.48 and 1.80, so
 * the loss is `(2.97 + 2.77 + 4.62 + 1.48 + 1.80) / 5` = 2.728. */
export function lossOf(model: Model, tokens: number[]): Value {
  const costs = costsOf(model, tokens);
  return sum(costs).div(costs.length);
}

/** Runs body, then forgets every Value that it made. Otherwise the tape would be full long
 * before training is over. The model's own numbers stay, because they are older. Whatever else you
 * want to keep, return it from body as plain numbers. */
export function tidy<T extends number | string | void | readonly number[]>(body: () => T): T {
  const before = [nextSlot, nextLine];
  try { return body(); } finally { [nextSlot, nextLine] = before; }
}

/** Trains the model on one document per step, over and over. Yields the loss of each step. */
export function* train(model: Model, tokenizer: Tokenizer, documents: string[]) {
  const { numSteps, learningRate } = model.config;
  const nudge = adam(parameters(model));
  for (let step = 0; step < numSteps; step++) {
    const tokens = tokenizer.encode(documents[step % documents.length]);
    yield tidy(() => {
      const loss = lossOf(model, tokens); // steps 1 and 2: guess, and measure how wrong that was
      loss.backward(); // step 3: find all gradients
      nudge(learningRate * (1 - step / numSteps)); // step 4: first large, then small to settle
      return loss.data;
    });
  }
}

/** Adam decides how far to nudge each parameter (Kingma and Ba 2014). We could just follow the
 * gradient downhill: p.data -= learningRate * p.grad. But some gradients are dozens of times larger
 * than others, so a rate that suits one parameter is far too slow for another. Besides, every name
 * pulls in a direction of its own. That is why Adam keeps two running means for each parameter. At
 * every step, they keep most of what they were, and mix in a little of the new:
 *
 *   m   the mean of its gradients. We follow m, not the latest gradient, so odd names average out.
 *   v   the mean of their squares. Its root is the usual size of the gradient. We divide by that,
 *       so large gradients and small ones count alike. Few parameters ever move by more than the
 *       learning rate, and most by much less, because their gradients disagree.
 *
 * beta1 and beta2 say how slowly m and v forget. In m, the newest gradient has a share of 0.15,
 * about one seventh, so m is a mean over about 7 steps, and v over about 100. */
export function adam(parameters: Value[], beta1 = 0.85, beta2 = 0.99, epsilon = 1e-8) {
  const m = new Float64Array(parameters.length), v = new Float64Array(parameters.length);
  let step = 0;
  return (learningRate: number): void => {
    step++;
    // Both means start at 0, and at first that 0 makes up most of them. In m, the gradients' share
    // is only 0.15 after one step, `1 - 0.85 ** 2` = 0.2775 after two, and nearly 1 in the end.
    // Dividing by this share leaves a mean of nothing but gradients.
    const mShare = 1 - beta1 ** step, vShare = 1 - beta2 ** step;
    for (let i = 0; i < parameters.length; i++) {
      const p = parameters[i];
      m[i] = beta1 * m[i] + (1 - beta1) * p.grad;
      v[i] = beta2 * v[i] + (1 - beta2) * p.grad ** 2;
      const mean = m[i] / mShare, size = Math.sqrt(v[i] / vShare);
      p.data -= learningRate * mean / (size + epsilon); // epsilon, in case size is 0
      p.grad = 0; // or the next step would add to it
    }
  };
}

// ---- 6. Sampling: inventing a name --------------------------------------------------------------

/** Picks an index at random: the larger its share, the likelier. Think of the shares as planks,
 * laid end to end. `random`, in [0, 1), says how far to walk, and we pick the plank we end up on:
 * `choose([1, 3], 0.2)` = 0 and `choose([1, 3], 0.3)` = 1. */
export function choose(shares: number[], random: number): number {
  const total = shares.reduce((a, b) => a + b, 0);
  let end = 0;
  return shares.findIndex((share) => (end += share) > random * total);
}

/** Invents a name. The model guesses, we roll the dice, and the token that comes up is what the
 * model sees next. This goes on until the dice say BOS, or the block is full. Why dice? If we took
 * the likeliest letter every time, every name would be the same. If there is a prompt, its letters
 * come first, and the dice take over from there: after "em", emma is only three rolls away.
 *
 * Before each roll, the logits are divided by the temperature. One below 1 widens the gaps between
 * them, so the favourites pull further ahead. At 0.5, odds of 1 : 3 become 1 : 9:
 * `softmax([0 / 0.5, 1.0986 / 0.5])` = [0.1, 0.9]. Above 1, the gaps narrow. (--temperature 0
 * means 0.000001, since nothing can be divided by 0.) */
export function sample(model: Model, tokenizer: Tokenizer, random: Random, prompt = ''): string {
  const { blockSize, temperature } = model.config;
  const given = tokenizer.encode(prompt).slice(1, -1); // without BOS
  return tidy(() => {
    const caches = emptyCaches(model);
    let token = tokenizer.bos, text = '';
    for (let position = 0; position < blockSize; position++) {
      const logits = gpt(model, token, position, caches).map((logit) => logit.div(temperature));
      const probabilities = softmax(logits).map((p) => p.data);
      token = given[position] ?? choose(probabilities, random.random()); // the prompt, or the dice
      if (token === tokenizer.bos) break;
      text += tokenizer.characters[token];
    }
    return text;
  });
}

// ---- 7. Main: all of it -------------------------------------------------------------------------

/** The whole program. Throws an Error for a mistake in the options or in the data. */
export async function main(args: string[]): Promise<void> {
  const { help, config, source, prompt, explain } = parseCommandLine(args);
  if (help) return print(usage());
  const random = new Random(config.seed);
  // The list has the girls' names first, the most popular at the top, so it needs shuffling.
  const documents = random.shuffle(await loadDocuments(source));
  print(`num docs: ${documents.length}`);
  const tokenizer = createTokenizer(documents);
  print(`vocab size: ${tokenizer.vocabSize}`);
  const { training, heldOut } = holdOut(cutToBlock(documents, config.blockSize), config.eval);
  const model = createModel(config, tokenizer.vocabSize, () => random.gauss(0, 0.08));
  print(`num params: ${parameters(model).length}`);
  rehearse(model, tokenizer, prompt, explain); // what can't work fails now, not after training

  const losses = await watch(model, train(model, tokenizer, training)); // runs all the steps
  const seen = training.slice(0, losses.length); // the documents it has trained on
  if (config.eval > 0) print(evaluate(model, tokenizer, seen, heldOut));
  if (explain !== undefined) return print(explainWord(model, tokenizer, explain));

  print('\n--- inference (new, hallucinated names) ---'); // inference: using a trained model
  for (let i = 1; i <= config.numSamples; i++) {
    print(`sample ${String(i).padStart(2)}: ${sample(model, tokenizer, random, prompt)}`);
    await nextTurn(); // or nothing else, such as Ctrl-C, would get a turn
  }
  // Some of these names are real, and others only sound as if they were. The model never checks. It
  // makes them all up in the same way, just as ChatGPT makes up its sentences, true or not.
}

// ---- A. Command line ----------------------------------------------------------------------------
import { createReadStream, existsSync, lstatSync, realpathSync } from 'node:fs';
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';

/** A mistake in what we were given. The user sees its message on one line, with no stack trace. */
export class InputError extends Error {}

const texts = { // name: [what to write, meaning]
  data: ['FILE_OR_URL', 'train on its lines (-: standard input) instead of those of input.txt'],
  prompt: ['TEXT', 'what the samples begin with'],
  explain: ['WORD', 'instead of samples, show how the model reads WORD'],
} as const;
const flagOf = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The text of --help. */
export const usage = (): string => [
  'Usage: npx -y tsx micro_gpt.ts [options]. The options, with their defaults:',
  ...Object.entries({ ...settings, ...texts }).map(([name, [value, meaning]]) =>
    `  --${`${flagOf(name)} ${value}`.padEnd(20)} ${meaning}`),
].join('\n');

/** The number for a setting. Throws an InputError if the setting can't take the text. */
function readNumber(name: keyof Config, text = `${settings[name][0]}`): number {
  const n = text.trim() === '' ? NaN : Number(text);
  const least = ['nEmbd', 'nHead', 'nLayer', 'blockSize'].includes(name) ? 1 : 0;
  const isFraction = ['learningRate', 'temperature'].includes(name);
  const isHuge = least === 1 && n > slots.data.length; // no tape has room for that
  if (isHuge) throw new InputError(`--${flagOf(name)} ${text} is too large`);
  if (n >= least && (isFraction ? n < Infinity : Number.isSafeInteger(n))) return n;
  const kind = isFraction ? 'number' : 'safe integer';
  throw new InputError(`--${flagOf(name)} takes a ${kind} of at least ${least}, not "${text}"`);
}

/** What the user asks for, and with which settings. Throws an Error if an option is wrong. */
export function parseCommandLine(args: string[]) {
  const flags = Object.keys({ ...settings, ...texts }).map(flagOf);
  const options = Object.fromEntries(flags.map((flag) => [flag, { type: 'string' }] as const));
  const { help, ...rest } =
    parseArgs({ args, options: { ...options, help: { type: 'boolean', short: 'h' } } }).values;
  const typed: Record<string, string | undefined> = rest; // TypeScript has lost track of the names
  const config = Object.fromEntries(Object.keys(settings).map((name) =>
    [name, readNumber(name as keyof Config, typed[flagOf(name)])])) as Config;
  config.temperature = Math.max(1e-6, config.temperature); // nothing can be divided by 0
  const { nEmbd, nHead } = config;
  const isUneven = nEmbd % nHead !== 0;
  if (isUneven) throw new InputError(`--n-embd ${nEmbd} is not a multiple of --n-head ${nHead}`);
  const { data: source, prompt = '', explain } = typed;
  return { help, config, source, prompt, explain };
}

// ---- B. Random numbers --------------------------------------------------------------------------

/** An endless supply of random 32-bit words, from the Mersenne Twister MT19937 (Matsumoto and
 * Nishimura 1998). Its constants hold no secrets you need to know. */
function* mersenneTwister(seed: number): Generator<number, never> {
  const key = seed < 2 ** 32 ? [seed] : [seed % 2 ** 32, Math.floor(seed / 2 ** 32)];
  const s = new Uint32Array(624);
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
  for (let i = 0; ; i = (i + 1) % 624) {
    const mixed = (s[i] & 0x80000000) | (s[(i + 1) % 624] & 0x7fffffff);
    s[i] = s[(i + 397) % 624] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    let y = s[i];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    yield y ^ (y >>> 18);
  }
}

/** Python's random.Random, rebuilt so that our names match the original's. */
export class Random {
  readonly #words: Iterator<number, never>;
  readonly #spare: number[] = []; // gauss() makes two numbers at a time
  /** The seed is a whole number from 0 to 2 ** 53 - 1. */
  constructor(seed: number) { this.#words = mersenneTwister(seed); }
  /** The high k bits of the next random word. */
  #bits(k: number): number { return this.#words.next().value >>> (32 - k); }
  /** A random number from 0 up to but not including 1, in steps of 2 ** -53. */
  random(): number { return (this.#bits(27) * 2 ** 26 + this.#bits(26)) / 2 ** 53; }
  /** A random number around mu, normally distributed with a spread of sigma (Box and Muller 1958).
   * random() is never 1, so 1 - random() is never 0, and has a logarithm. */
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
      let j = Infinity;
      while (j > i) j = this.#bits(32 - Math.clz32(i + 1)); // as many bits as i + 1 has
      [items[i], items[j]] = [items[j], items[i]];
    }
    return items;
  }
}

// ---- C. Documents -------------------------------------------------------------------------------

const namesUrl = 'https://raw.githubusercontent.com/karpathy/makemore/master/names.txt';

/** The documents to train on. They are the lines of source (a file, an address, or - for standard
 * input), if there is one, or else of input.txt. If that's missing too, we download names.txt and
 * save it as input.txt, and if that fails, the names at the end of this section will have to do.
 * Throws an InputError if source or input.txt can't be read. */
export async function loadDocuments(
  source?: string, folder = '.', url = namesUrl, timeout = 30_000,
): Promise<string[]> {
  const file = `${folder}/input.txt`;
  if (source !== undefined || existsSync(file)) return readLines(source ?? file, timeout);
  try {
    const names = await readLines(url, timeout);
    // There should be 32,033. A network that wants us to sign in sends a page of its own instead.
    if (names.length < 30_000) throw new InputError(`${url} has only ${names.length} lines`);
    save(names.join('\n'), file);
    return names;
  } catch (error) {
    note(`${(error as Error).message}; using the names built into this file`);
    return [...builtInNames];
  }
}

/** Saves the text as a new file. It's written under another name first, because the next run would
 * take half a file for the whole list. */
function save(text: string, file: string): void {
  const part = `${file}.${process.pid}.part`;
  try {
    writeFileSync(part, text);
    if (!lstatSync(file, { throwIfNoEntry: false })) renameSync(part, file);
  } catch (error) {
    note(`cannot save ${file}: ${(error as Error).message}`);
  } finally {
    rmSync(part, { force: true });
  }
}

/** The lines of a file, of the text at an address, or of standard input. Throws an InputError if
 * they can't be read. */
async function readLines(source: string, timeout: number): Promise<string[]> {
  let name = source;
  try {
    if (source === '-') return await linesOf(process.stdin);
    if (!/^https?:/i.test(source)) return await linesOf(createReadStream(source));
    name = 'the address';
    const { origin, pathname } = new URL(source);
    name = `${origin}${pathname}`; // without a user, a password or a query, which may be secret
    note(`reading ${name}`);
    const response = await fetch(source, { signal: AbortSignal.timeout(timeout) });
    if (response.ok && response.body) return await linesOf(response.body);
    await response.body?.cancel(); // or the page that comes with a 404 would keep us waiting
    throw new Error(`the response was ${response.status}`);
  } catch (error) {
    const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
    const reason = cause?.message || cause?.code || message; // a bare "fetch failed" helps nobody
    throw new InputError(`cannot read ${name}: ${reason.replaceAll(source, () => name)}`);
  }
}

/** The lines of a stream, trimmed, without the blank ones. Throws an Error if it isn't UTF-8, if it
 * has no lines, or if it looks endless. */
async function linesOf(stream: AsyncIterable<Uint8Array>): Promise<string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > 1e8) throw new Error('it has more than 100 million characters');
  }
  text += decoder.decode();
  const lines = text.split(/\r\n?|\n/).map((line) => line.trim()).filter((line) => line !== '');
  if (lines.length === 0) throw new Error('it has no lines');
  return lines;
}

/** Documents cut to what fits in a block. A note tells the user how many had to be cut. */
export function cutToBlock(documents: string[], blockSize: number): string[] {
  const cut = documents.map((document) => // a character takes one or two places in a string
    [...document.slice(0, 2 * blockSize)].slice(0, blockSize).join(''));
  const count = documents.filter((document, i) => document.length > cut[i].length).length;
  const what = `${count} of ${documents.length} docs are longer than ${blockSize} characters`;
  if (count > 0) note(`${what}, and are cut there (see --block-size)`);
  return cut;
}

/** Splits the documents: the last `count` distinct ones are for testing, the rest for training.
 * Throws an InputError if that leaves none for training. */
export function holdOut(documents: string[], count: number) {
  if (count === 0) return { training: documents, heldOut: [] };
  const distinct = [...new Set(documents)]; // a document may be in the dataset twice
  const rest = distinct.length - count;
  if (rest < 1) throw new InputError(`--eval ${count} leaves none of the ${distinct.length} docs`);
  const heldOut = new Set(distinct.slice(rest));
  return { training: documents.filter((name) => !heldOut.has(name)), heldOut: [...heldOut] };
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

// ---- D. Watching the training -------------------------------------------------------------------

const print = (line: string): void => { process.stdout.write(`${line}\n`); };
/** Prints a line to standard error. Control characters could do harm, so they become blanks. */
const note = (line: string): void => {
  process.stderr.write(`micro_gpt: ${line.replace(/\p{Cc}/gu, ' ')}\n`);
};
const mean = (numbers: number[]): number => numbers.reduce((a, b) => a + b) / numbers.length;

/** A dress rehearsal with an untrained model, so that mistakes show before training has cost any
 * time. Throws an InputError if the prompt or the word to explain is too long or has a character
 * that the dataset lacks, and a RangeError if the model doesn't fit on the tape. */
function rehearse(model: Model, tokenizer: Tokenizer, prompt: string, explain = ''): void {
  const { characters, bos } = tokenizer, { blockSize } = model.config;
  for (const [text, room] of [[prompt, blockSize - 1], [explain, blockSize]] as const) {
    const unknown = [...text].find((character) => !characters.includes(character));
    if (unknown) throw new InputError(`"${unknown}" is not in the dataset`);
    const isLong = [...text].length > room;
    if (isLong) throw new InputError(`"${text}" does not fit in a block; raise --block-size`);
  }
  tidy(() => lossOf(model, new Array<number>(blockSize + 1).fill(bos)).data);
  sample(model, tokenizer, new Random(0), characters[0].repeat(blockSize)); // a full block
}

/** Returns the loss. Throws an InputError if a large learning rate has made it NaN or infinite. */
function finite(loss: number): number {
  if (!Number.isFinite(loss)) throw new InputError(`the loss is ${loss}; lower --learning-rate`);
  return loss;
}

/** Runs the training and prints a line for each step. A terminal gets a single line instead,
 * redrawn as we go, and then a curve. Returns the losses, one per step run: Ctrl-C may end training
 * early. Throws an InputError if a loss isn't finite. */
async function watch(model: Model, training: Generator<number>): Promise<number[]> {
  const { stdout, env } = process, { numSteps } = model.config;
  const live = stdout.isTTY && env.TERM !== 'dumb', columns = Math.min(stdout.columns || 80, 80);
  const losses: number[] = [], start = performance.now();
  const stop = () => { training.return(undefined); }; // which ends the loop below
  process.once('SIGINT', stop); // Ctrl-C; a second one ends the program
  let nextDrawAt = 0;
  for (const loss of training) {
    const step = losses.push(loss), now = performance.now();
    if (!Number.isFinite(loss)) break;
    const pad = (n: number) => String(n).padStart(4);
    const line = `step ${pad(step)} / ${pad(numSteps)} | loss ${loss.toFixed(4)}`;
    if (!live) print(line);
    if (now < nextDrawAt && step < numSteps) continue; // terminals can be slow
    nextDrawAt = now + 20;
    const left = `${(((now - start) / 1000 / step) * (numSteps - step)).toFixed(0)} s left`;
    // \r goes back to the start of the line, and \x1b[K clears what is left of it.
    if (live) stdout.write(`\r${`${line} | ${left}`.slice(0, columns - 1)}\x1b[K`);
    await nextTurn(); // only here can Ctrl-C get through
  }
  process.off('SIGINT', stop);
  if (live && losses.length > 0) print('');
  finite(losses.at(-1) ?? 0);
  if (parameters(model).some((p) => !(Math.abs(p.data) < 1e50))) finite(NaN); // as it soon would be
  const guessing = Math.log(model.wte.length);
  if (live && losses.length > 0 && columns >= 28) print(curve(losses, guessing, columns - 8));
  return losses;
}

/** A curve of the losses, drawn with blocks. Its top is the loss of guessing evenly, its bottom the
 * lowest point. */
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

// ---- E. Looking inside --------------------------------------------------------------------------

/** Compares the model's loss on held-out documents with those of two simpler ways to guess. */
export function evaluate(model: Model, tokenizer: Tokenizer, trained: string[], heldOut: string[]) {
  const { encode, vocabSize } = tokenizer;
  const tokensOf = (document: string) => encode(document).slice(0, model.config.blockSize + 1);
  const line = (name: string, costs: (tokens: number[]) => readonly number[]) => {
    const loss = finite(mean(heldOut.map(tokensOf).flatMap(costs)));
    const choices = `${Math.exp(loss).toFixed(1)} equally likely characters`;
    return `${name} ${loss.toFixed(4)}, like guessing among ${choices}`;
  };
  return [
    `\n--- evaluation (loss per character, ${heldOut.length} docs never trained on) ---`,
    line('this model:     ', (tokens) => tidy(() => costsOf(model, tokens).map((x) => x.data))),
    line('guessing evenly:', (tokens) => tokens.slice(1).fill(Math.log(vocabSize))),
    line('bigram table:   ', bigramTable(trained.map(tokensOf), vocabSize)),
  ].join('\n');
}

/** A way to guess that knows only the last token, and how often each token followed it in the
 * training documents. Returns a function that tells what its guesses in a document cost. */
function bigramTable(trained: number[][], vocabSize: number) {
  const counts = Array.from({ length: vocabSize }, () => new Map<number, number>());
  const totals = new Array<number>(vocabSize).fill(0);
  const count = (token: number, next: number) => counts[token].get(next) ?? 0;
  for (const tokens of trained) {
    for (const [i, next] of tokens.slice(1).entries()) {
      counts[tokens[i]].set(next, count(tokens[i], next) + 1);
      totals[tokens[i]]++;
    }
  }
  return (tokens: number[]) => tokens.slice(1).map((next, i) => // + 1, so that none is impossible
    -Math.log((count(tokens[i], next) + 1) / (totals[tokens[i]] + vocabSize)));
}

/** A walk through sections 1 to 5 with one word. It ends with a step of training, which changes the
 * model. Cells are separated by tabs, because only the terminal knows how wide a character is. */
export function explainWord(model: Model, tokenizer: Tokenizer, word: string): string {
  const tokens = tokenizer.encode(word).slice(0, model.config.blockSize + 1);
  const names = [...tokenizer.characters, '.'].map((name) => name.replace(/\s/, '␣'));
  const tables = tidy(() => {
    const caches = emptyCaches(model);
    const guesses = tokens.slice(0, -1).map((token, i) => softmax(gpt(model, token, i, caches)));
    return [
      `\n--- how the model reads "${word}" ---`, `tokens: ${tokens.join(' ')}`,
      ...similarTokens(model, tokens, names), ...attentionMaps(caches, tokens, names),
      ...guessTable(guesses, tokens, names),
    ].join('\n');
  });
  const [before] = train({ ...model, config: { ...model.config, numSteps: 1 } }, tokenizer, [word]);
  const after = finite(tidy(() => lossOf(model, tokens).data));
  const change = `${finite(before).toFixed(2)}, and ${after.toFixed(2)} after one large step`;
  return `${tables}\n\nloss: ${change} of training, on this word alone`;
}

/** The indices of the numbers, highest first. */
const highestFirst = (numbers: readonly number[]): number[] =>
  [...numbers.keys()].sort((a, b) => numbers[b] - numbers[a]);

/** A row for each letter, with the five tokens whose embeddings point most nearly the same way. */
function similarTokens({ wte }: Model, tokens: number[], names: string[]): string[] {
  const [, ...letters] = new Set(tokens); // without BOS, which comes first
  const rows = letters.map((letter) => {
    const likeness = wte.map((row) => tidy(() => dot(rmsnorm(row), rmsnorm(wte[letter])).data));
    const others = highestFirst(likeness).filter((token) => token !== letter).slice(0, 5);
    return `${names[letter]}\t${others.map((token) => names[token]).join(' ')}`;
  });
  return ['\nwhose embeddings are most similar', ...rows];
}

/** Maps of where each layer's heads look, side by side, with a row for each position. */
function attentionMaps(caches: Cache[][], tokens: number[], names: string[]): string[] {
  const shade = (share: Value) => '·░▒▓█'[Math.round(4 * Math.sqrt(share.data))];
  const row = (cells: string[]) =>
    cells.map((cell) => cell.padEnd(Math.max(8, tokens.length + 1))).join('').trimEnd();
  return caches.flatMap((heads, layer) => [
    `\nwhere layer ${layer + 1} looks (left to right, in the order of the rows)`,
    `\t${row(heads.map((_, head) => `head ${head + 1}`))}`,
    ...tokens.slice(0, -1).map((token, position) =>
      `${names[token]}\t${row(heads.map(({ shares }) => shares[position].map(shade).join('')))}`),
  ]);
}

/** A row for each guess: what came next, how likely the model thought it, and what it expected. */
function guessTable(guesses: Vector[], tokens: number[], names: string[]): string[] {
  const percent = (p: number) => `${Math.round(100 * p)}%`;
  const rows = guesses.map((guess, i) => {
    const chances = guess.map((p) => p.data), next = tokens[i + 1];
    const likeliest = highestFirst(chances).slice(0, 5)
      .map((token) => `${names[token]} ${percent(chances[token])}`);
    const cost = (-Math.log(chances[next])).toFixed(2);
    return [names[tokens[i]], names[next], percent(chances[next]), cost, ...likeliest].join('\t');
  });
  return ['\nsees\tnext\tchance\tcost\tlikeliest', ...rows];
}

// ---- F. Start -----------------------------------------------------------------------------------

/** Whether this file was started, rather than imported by another. Newer runtimes know, but Node 20
 * and 22 don't, and Node 24.2.0 is wrong, so we also compare the file names. */
function isMain(): boolean {
  const { main, url } = import.meta as ImportMeta & { main?: boolean }, name = process.argv[1];
  if (main) return true;
  try {
    const isWhole = statSync(name, { throwIfNoEntry: false })?.isFile(); // or it lacks an extension
    const started = isWhole ? name : createRequire(url).resolve(name);
    return realpathSync(started) === realpathSync(new URL(url));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'; // better than silence
  }
}

if (isMain()) {
  process.stderr.on('error', () => {}); // a note that can't be written is no reason to stop
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code !== 'EPIPE') note(`cannot write: ${message}`);
    process.exit(code === 'EPIPE' ? 0 : 1); // whoever closed the pipe has seen enough
  });
  main(process.argv.slice(2)).catch((error: NodeJS.ErrnoException) => {
    const isTooLarge = error instanceof RangeError; // the model, that is
    const isMistake = error instanceof InputError || error.code?.startsWith('ERR_PARSE_ARGS');
    if (!isTooLarge && !isMistake) throw error; // the mistake is ours, so show where it happened
    note(error.message + (isTooLarge ? '; lower --n-embd, --n-layer or --block-size' : ''));
    process.exitCode = 1;
  });
}
