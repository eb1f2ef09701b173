// Numbers with their units, as analysis/units.py writes them; tests hold the two against each other.

const TIME_UNITS = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
const BYTE_UNITS = [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
const JOULE_UNITS = [[1, "J"], [1e-3, "mJ"], [1e-6, "µJ"], [1e-9, "nJ"]];
const RATE_UNITS = [[1e9, "billion/s"], [1e6, "million/s"], [1, "/s"]];

function significant(number, digits = 3) {
  if (number === 0) return "0";
  const decimals = digits - 1 - Math.floor(Math.log10(Math.abs(Number(number.toPrecision(digits)))));
  const rounded = Number(number.toPrecision(digits));
  return rounded.toLocaleString("en", { minimumFractionDigits: Math.max(decimals, 0), maximumFractionDigits: Math.max(decimals, 0) });
}

function scaled(number, units) {
  const [scale, name] = units.find(([unit]) => Math.abs(number) >= unit * 0.9995) ?? units.at(-1);
  return `${significant(number / scale)} ${name}`;
}

const seconds = (number) => scaled(number, TIME_UNITS);
const binaryBytes = (number) => scaled(number, BYTE_UNITS);
const joules = (number) => scaled(number, JOULE_UNITS);
const rate = (number) => scaled(number, RATE_UNITS).replace(" /s", "/s");
const factor = (number) => significant(number, 2);
const perCent = (number) => `${significant(100 * number, 2)} %`;
const whole = (number) => (number >= 10000 ? number.toLocaleString("en") : String(number));

// "low to high", or nothing where both read alike.
function between(low, high, text) {
  const [first, last] = [text(low), text(high)];
  return first === last ? "" : `${first} to ${last}`;
}
