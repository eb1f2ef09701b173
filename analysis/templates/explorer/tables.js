// Beside the chart: a mean for each model, then every value; the same rows as the chart, and as the CSV.

function table(name, headings, rows) {
  const body = make("tbody", {}, rows);
  const head = make("thead", {}, make("tr", {}, headings.map(([text, number]) => make("th", { scope: "col", class: number ? "number" : false }, make("button", { type: "button" }, text)))));
  const made = make("table", { class: "sortable compact" }, head, body);
  sortable(made); // of page.js
  return make("div", { class: "scroll", role: "region", "aria-label": name, tabindex: "0" }, made);
}

function cell(text, { key, note, number, tone } = {}) {
  const words = tone ? make("span", { class: `tone ${tone}` }, text) : text;
  return make("td", { class: number ? "number" : false, "data-key": key }, words, note ? make("span", { class: "note" }, note) : "");
}

// Faster or smaller is ahead; a ratio above 1 is that where more is better.
function tone(row, metric) {
  if (row.isBaseline || !row.ratio) return "none";
  if (isNoise(row)) return "none";
  return (row.ratio.value < 1) === (metric.better === "less") ? "ahead" : "behind";
}

function meansTable(state, rows) {
  const metric = state.metrics[state.chosen.metric];
  const several = state.shownSettings().length > 1;
  const baseline = state.baseline().setting;
  const made = means(rows.filter((row) => row.setting !== baseline)).map((one) => {
    const noise = one.noise ? `${one.noise} of ${one.count} within noise` : "";
    if (one.isBaseline) return make("tr", {}, named(state, one, several), cell("the baseline", { tone: "none", key: 0 }), cell(String(one.count), { number: true, key: one.count }));
    if (!one.ratio) return make("tr", {}, named(state, one, several), cell("nothing to compare", { tone: "none", key: "inf" }), cell("0", { number: true, key: 0 }));
    const [words, span] = metric.words(one.ratio);
    return make("tr", {}, named(state, one, several), cell(words, { key: one.ratio.value, note: [span ? `from ${span}` : "", noise].filter(Boolean).join("; ") }), cell(String(one.count), { number: true, key: one.count }));
  });
  return table("Geometric means of what is shown", [["Model"], [`Mean against ${baselineName(state)}`], ["Cells", true]], made);
}

function named(state, row, several) {
  return cell(row.series.label, { note: several ? nameOf(state, row.setting) : "" });
}

function valuesTable(state, rows) {
  const metric = state.metrics[state.chosen.metric];
  const axis = AXES[state.chosen.x].name;
  const several = state.shownSettings().length > 1;
  const sizes = state.chosen.x === "state_size" || state.chosen.x === "parameters";
  const made = rows.map((row) => {
    const x = cell(whole(row.x), { number: true, key: row.x, note: sizes ? `n = ${row.sizes.hidden_size}` : "" });
    if (!row.value) return make("tr", {}, named(state, row, several), x, cell(missing(row), { tone: "none", key: "inf", note: row.outcome?.[1] }), cell("", { key: "inf" }));
    const [words, bounds] = verdict(row, metric);
    const noise = isNoise(row);
    const note = [bounds, noise ? "within noise" : ""].filter(Boolean).join("; ");
    const unstable = doubt(row, metric) ? "unstable" : "";
    return make(
      "tr", { class: noise ? "noise" : false }, named(state, row, several), x,
      cell(metric.text(row.value.value), { number: true, key: row.value.value, note: [between(row.value.low, row.value.high, metric.text), unstable].filter(Boolean).join("\n") }),
      cell(words, { key: row.ratio?.value ?? "inf", note, tone: tone(row, metric) }),
    );
  });
  return table("Values that are shown", [["Model"], [axis, true], [metric.label, true], [`Against ${baselineName(state)}`]], made);
}
