// Ratios as analysis/pages/packing.py writes them. A ratio is {value, low, high}; null where there is none.

const DIGITS = new Map();
for (let code = 35; code < 127; code++) {
  const character = String.fromCharCode(code);
  if (character !== "<" && character !== "\\") DIGITS.set(character, DIGITS.size);
}
const PLACES = 3;
const LEVELS = DIGITS.size ** PLACES - 2;
const WIDEST = 20;

function readNumber(text, at) {
  let level = 0;
  for (let place = 0; place < PLACES; place++) level = level * DIGITS.size + DIGITS.get(text[at + place]);
  return Math.exp(((level / LEVELS) * 2 - 1) * WIDEST);
}

// Every ratio in a text. `values(k)` is that of the k-th where the text leaves it out; it is not asked where there is none.
function readRatios(text, values) {
  const found = [];
  for (let at = 0; at < text.length; ) {
    const first = text[at];
    if (first === " ") {
      found.push(null);
      at += 1;
      continue;
    }
    const exact = first === "!";
    if (exact) at += 1;
    const value = values ? values(found.length) : readNumber(text, at);
    if (!values) at += PLACES;
    if (exact) {
      found.push({ value, low: value, high: value });
    } else {
      found.push({ value, low: readNumber(text, at), high: readNumber(text, at + PLACES) });
      at += 2 * PLACES;
    }
  }
  return found;
}

function inverse(ratio) {
  return ratio && { value: 1 / ratio.value, low: 1 / ratio.high, high: 1 / ratio.low };
}

// The 95 % interval holds 1; the bounds are Python's, which never lets rounding decide this.
function withinNoise(ratio) {
  return ratio.low <= 1 && ratio.high >= 1;
}

function geometricMean(numbers) {
  return Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length);
}
