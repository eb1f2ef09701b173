// What is shown, as CSV with the names of the tidy table; numbers are written in full.

const CSV_COLUMNS = [
  "machine", "device", "dtype", "threads", "allocator", "source", "torch", "commit", "model", "backend", "label", "phase", "task", "hidden_size", "length", "batch",
  "num_layers", "state_size", "parameters", "metric", "value", "low", "high", "unit", "processes", "rounds", "outcome", "unstable", "baseline", "matching", "ratio", "ratio_low", "ratio_high", "within_noise",
];

function csv(state, rows) {
  const lines = rows.map((row) => {
    const { setting, cell } = row;
    const baseline = state.baseline();
    const of = {
      ...setting.columns, ...row.sizes,
      model: row.series.model, backend: row.series.backend, label: row.series.label,
      metric: state.chosen.metric, unit: state.metrics[state.chosen.metric].unit,
      value: row.value?.value, low: row.value?.low, high: row.value?.high,
      processes: setting.cells.processes[cell], rounds: setting.cells.rounds[cell],
      outcome: row.value ? "measured" : missing(row), unstable: doubt(row, state.metrics[state.chosen.metric]),
      baseline: baseline.setting ? `${baseline.setting.place}, ${baseline.setting.version}` : state.page.series[baseline.series].id,
      matching: baseline.setting ? "hidden_size" : state.chosen.match,
      ratio: row.ratio?.value, ratio_low: row.ratio?.low, ratio_high: row.ratio?.high, within_noise: row.ratio ? String(withinNoise(row.ratio)) : "",
    };
    return CSV_COLUMNS.map((name) => quoted(of[name])).join(",");
  });
  return `${[CSV_COLUMNS.join(","), ...lines].join("\n")}\n`;
}

function quoted(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save(text, name) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
