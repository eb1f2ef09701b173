// What can be shown of a cell: its name, how it is written, whether less is better, and how a ratio is put in words.

const AS_MUCH = (ratio) => [`${factor(ratio.value)}× as much`, bounds(ratio)];

function asFast(ratio) {
  const faster = ratio.value < 1;
  const { value, low, high } = faster ? inverse(ratio) : ratio;
  return [`${factor(value)}× as ${faster ? "fast" : "slow"}`, bounds({ low, high })];
}

// With one digit more where an end would read as 1 and is not: whether it includes 1 is what matters of an interval.
function bounds({ low, high }) {
  const near = (end) => end !== 1 && factor(end) === "1.0";
  return between(low, high, near(low) || near(high) ? significant : factor);
}

// `of`: the stored metric that it is worked out from. A throughput counts the time steps of all sequences.
const METRICS = {
  step_time: { label: "Time per time step", text: seconds, timed: true, better: "less", words: asFast, ticks: TIME_UNITS, unit: "s per time step" },
  throughput: { label: "Throughput", of: "step_time", text: rate, better: "more", words: AS_MUCH, ticks: RATE_UNITS, unit: "time steps of sequences per s", inverted: true, timed: true },
  peak_allocated: { label: "Peak memory", text: binaryBytes, better: "less", words: AS_MUCH, ticks: BYTE_UNITS, unit: "B" },
  saved_for_backward: { label: "Saved for backward", text: binaryBytes, better: "less", words: AS_MUCH, ticks: BYTE_UNITS, unit: "B" },
  energy: { label: "Energy per time step", text: joules, better: "less", words: AS_MUCH, ticks: JOULE_UNITS, unit: "J per time step" },
};

// The metrics of this page: a share of each ceiling that was measured comes last.
function metricsOf(settings) {
  const found = { ...METRICS };
  for (const setting of settings) {
    for (const [name, column] of Object.entries(setting.values)) {
      if (!name.startsWith("share_") || !column.label) continue;
      const label = `Share of a ceiling: ${column.label[0].toLowerCase()}${column.label.slice(1)}`;
      found[name] = { label, text: perCent, better: "more", words: AS_MUCH, ticks: [[0.01, "%"]], unit: "1", ratioOf: "step_time", inverted: true, timed: true, share: true };
    }
  }
  return found;
}

function valueOf(setting, cell, name, metric) {
  const found = setting.value(cell, metric.of ?? name);
  if (!found || !metric.inverted || metric.share) return found;
  const { value, low, high } = inverse(found);
  const { batch } = setting.point(cell);
  return { value: batch * value, low: batch * low, high: batch * high };
}

// Of two throughputs at one batch the ratio is that of the times turned over. So it is of two shares of one ceiling,
// which is that of one machine and one size: there is none of other machines or sizes, nor over a model without a share.
function ratioOf(setting, cell, name, metric, baseline, match) {
  const stored = metric.ratioOf ?? metric.of ?? name;
  if (metric.share) {
    const twin = setting.atSameSize(cell, baseline.series);
    if (baseline.setting || match !== "hidden_size" || twin === undefined || !setting.value(twin, name)) return null;
  }
  const found = baseline.setting
    ? setting.ratioOverSetting(cell, baseline.setting, stored)
    : setting.ratio(cell, baseline.series, match, stored);
  return metric.inverted ? inverse(found) : found;
}
