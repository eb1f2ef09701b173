// The rows that a state shows: one a setting, series and size, with value and ratio to the baseline.

function rowsOf(state) {
  const { chosen, page } = state;
  const metric = state.metrics[chosen.metric];
  const baseline = state.baseline();
  const rows = [];
  for (const setting of state.shownSettings()) {
    for (let cell = 0; cell < setting.count; cell++) {
      const sizes = sizesOf(setting, cell);
      const series = page.series[setting.cells.series[cell]];
      const here = sizes.phase === chosen.phase && sizes[chosen.x] !== null && fixedPart(sizes, chosen.x) === chosen.at;
      if (!here || !chosen.models.includes(series.id)) continue;
      const value = valueOf(setting, cell, chosen.metric, metric);
      const isBaseline = baseline.setting ? baseline.setting === setting : series === page.series[baseline.series];
      const ratio = value && ratioOf(setting, cell, chosen.metric, metric, baseline, chosen.match);
      rows.push({ setting, cell, series, sizes, x: sizes[chosen.x], value, ratio, isBaseline, outcome: setting.outcomes[cell] });
    }
  }
  const rank = (row) => page.series.indexOf(row.series);
  const last = (row) => Number(row.setting === baseline.setting); // of a machine that is the baseline all ratios are 1
  return rows.sort((a, b) => last(a) - last(b) || a.setting.number - b.setting.number || rank(a) - rank(b) || a.x - b.x);
}

function isNoise(row) {
  return Boolean(row.ratio) && !row.isBaseline && withinNoise(row.ratio);
}

// What a row is said to be beside the baseline.
function verdict(row, metric) {
  if (row.isBaseline) return ["the baseline", ""];
  if (!row.ratio) return [row.value ? "no baseline of its size" : "", ""];
  return metric.words(row.ratio);
}

// Why a row's time is not to be trusted, or nothing; bytes are the same at every call.
function doubt(row, metric) {
  return metric.timed ? (row.setting.unstable[row.cell] ?? "") : "";
}

// Why there is no value.
function missing(row) {
  return row.outcome ? row.outcome[0] : "not measured";
}

// The rows by series and setting, with the geometric mean of their ratios.
function means(rows) {
  const groups = new Map();
  for (const row of rows) {
    const key = `${row.setting.number} ${row.series.id}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(row);
  }
  return [...groups.values()].map((group) => {
    const known = group.filter((row) => row.ratio);
    const values = known.map((row) => row.ratio.value);
    const ratio = values.length ? { value: geometricMean(values), low: Math.min(...values), high: Math.max(...values) } : null;
    return { setting: group[0].setting, series: group[0].series, isBaseline: group[0].isBaseline, ratio, count: values.length, rows: group.length, noise: group.filter(isNoise).length };
  });
}
