// What a chart needs of the state: which number of a row is drawn, the axis, and a row in words.

function lookOf(state, rows) {
  const metric = state.metrics[state.chosen.metric];
  const asRatio = state.chosen.draw === "ratio";
  const number = (row) => (asRatio ? row.ratio : row.value);
  const drawn = rows.map(number).filter((one) => one && one.low > 0);
  const ends = [Math.min(...drawn.map((one) => one.low)), Math.max(...drawn.map((one) => one.high))];
  const margin = Math.max((ends[1] / ends[0]) ** 0.06, 1.08);
  return {
    number: (row) => { const found = number(row); return found && found.low > 0 ? found : null; },
    range: [ends[0] / margin, ends[1] * margin],
    one: asRatio,
    binary: !asRatio && metric.ticks === BYTE_UNITS,
    tick: (tick) => (asRatio ? `${Number(tick.toPrecision(3))}×` : metric.share ? `${Number((100 * tick).toPrecision(3))} %` : tickText(tick, metric.ticks)),
    x: AXES[state.chosen.x].label,
    describe: (row) => described(state, row),
  };
}

// Value, interval, ratio and provenance, a line each.
function described(state, row) {
  const metric = state.metrics[state.chosen.metric];
  const { setting, cell, sizes } = row;
  const [said, bounds] = verdict(row, metric);
  const interval = between(row.value.low, row.value.high, metric.text);
  const { processes, rounds } = setting.cells;
  return [
    `${row.series.label}, n = ${sizes.hidden_size}, T = ${sizes.length}, B = ${sizes.batch}`,
    `${metric.label}: ${metric.text(row.value.value)}${interval ? ` (95 % interval ${interval})` : ""}`,
    `${row.isBaseline ? "" : `Against ${baselineName(state)}: `}${said}${bounds ? ` (${bounds})` : ""}${isNoise(row) ? ", within noise" : ""}`,
    `${processes[cell]} process${processes[cell] === 1 ? "" : "es"}, ${rounds[cell]} round${rounds[cell] === 1 ? "" : "s"}${doubt(row, metric) ? `; unstable: ${doubt(row, metric)}` : ""}`,
    `${setting.place}; commit ${setting.version}; torch ${setting.columns.torch ?? "not recorded"}`,
  ];
}

function baselineName(state) {
  const { setting, series } = state.baseline();
  if (setting) return `the same on ${nameOf(state, setting)}`;
  const match = { hidden_size: "equal n", state_size: "equal state", parameters: "equal parameters" }[state.chosen.match];
  return `${state.page.series[series].label} at ${match}`;
}

// A setting by its machine, by all that it is where a machine has several, and by its commit where that is not enough.
function nameOf(state, setting) {
  const names = [(one) => one.columns.machine, (one) => one.place, (one) => `${one.place}, ${one.version}`];
  const alone = (name) => state.settings.every((one) => one === setting || name(one) !== name(setting));
  return (names.find(alone) ?? names.at(-1))(setting);
}
