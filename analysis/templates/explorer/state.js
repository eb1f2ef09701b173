// What is chosen, and the address that says so: #explore?phase=train&metric=step_time&...

const MARK = "#explore?";
const AXES = {
  hidden_size: { label: "hidden units n", name: "n", fixed: ["length", "batch"] },
  state_size: { label: "real state", name: "state", fixed: ["length", "batch"] },
  parameters: { label: "parameters", name: "parameters", fixed: ["length", "batch"] },
  length: { label: "time steps T", name: "T", fixed: ["hidden_size", "batch"] },
  batch: { label: "sequences B", name: "B", fixed: ["hidden_size", "length"] },
};
const SHORT = { hidden_size: "n", length: "T", batch: "B" };

// Sizes of a cell, whichever they belong to.
function sizesOf(setting, cell) {
  const { hidden_size, state_size, parameters } = setting.cells;
  return { ...setting.point(cell), hidden_size: hidden_size[cell], state_size: state_size[cell], parameters: parameters[cell] };
}

// What is held fixed along an axis: "copying-L1-T100-B32".
function fixedPart(sizes, axis) {
  return [sizes.task, `L${sizes.num_layers}`, ...AXES[axis].fixed.map((name) => `${SHORT[name]}${sizes[name]}`)].join("-");
}

// The fixed parts that there are in a phase, those with most sizes along the axis first -> their counts.
function fixedParts(settings, phase, axis) {
  const sizes = new Map();
  for (const setting of settings) {
    for (let cell = 0; cell < setting.count; cell++) {
      const here = sizesOf(setting, cell);
      if (here.phase !== phase || here[axis] === null) continue;
      const key = fixedPart(here, axis);
      if (!sizes.has(key)) sizes.set(key, { along: new Set(), cells: 0 });
      sizes.get(key).along.add(here[axis]);
      sizes.get(key).cells += 1;
    }
  }
  const ranked = [...sizes].sort(([, a], [, b]) => b.along.size - a.along.size || b.cells - a.cells);
  return new Map(ranked.map(([key, { along }]) => [key, along.size]));
}

class State {
  constructor(page, settings) {
    Object.assign(this, { page, settings, metrics: metricsOf(settings) });
    this.chosen = {};
    this.faults = [];
    this.reset();
  }

  reset() {
    const phases = Object.keys(this.page.phases).filter((phase) => fixedParts(this.settings, phase, "hidden_size").size);
    this.chosen = {
      phase: phases[0],
      metric: "step_time",
      x: "hidden_size",
      at: "",
      match: "hidden_size",
      baseline: this.page.baseline,
      draw: "value",
      hide: "0",
      models: this.page.series.filter((one) => one.usual).map((one) => one.id),
      on: this.page.beside.map((number) => this.settings[number].id),
    };
    if (this.page.beside.length > 1) this.chosen.baseline = `on ${this.chosen.on[0]}`;
    this.settle();
  }

  // What each key may be.
  options(key) {
    const series = this.page.series.map((one) => one.id);
    const known = {
      phase: Object.keys(this.page.phases).filter((phase) => fixedParts(this.settings, phase, "hidden_size").size),
      metric: Object.keys(this.metrics),
      x: Object.keys(AXES),
      match: Object.keys(this.page.matches),
      baseline: [...series, ...(this.settings.length > 1 ? this.settings.map((one) => `on ${one.id}`) : [])],
      draw: ["value", "ratio"],
      hide: ["0", "1"],
      models: series,
      on: this.settings.map((one) => one.id),
    };
    return key === "at" ? [...fixedParts(this.shownSettings(), this.chosen.phase, this.chosen.x).keys()] : known[key];
  }

  shownSettings() {
    return this.settings.filter((one) => this.chosen.on.includes(one.id));
  }

  // The fixed part stays where the phase or the axis leaves it possible; else it is the report's own, or the longest.
  settle() {
    const parts = this.options("at");
    if (parts.includes(this.chosen.at)) return;
    const anchor = this.page.anchors[this.chosen.phase];
    const usual = anchor && fixedPart(anchor, this.chosen.x);
    this.chosen.at = parts.includes(usual) ? usual : (parts[0] ?? "");
  }

  set(key, value) {
    this.chosen[key] = value;
    this.faults = [];
    this.settle();
  }

  baseline() {
    const { baseline } = this.chosen;
    if (baseline.startsWith("on ")) return { setting: this.settings.find((one) => `on ${one.id}` === baseline) };
    return { series: this.page.series.findIndex((one) => one.id === baseline) };
  }

  address() {
    const words = Object.entries(this.chosen).map(([key, value]) => [key, Array.isArray(value) ? value.join(",") : value]);
    return MARK + new URLSearchParams(words);
  }

  // Reads an address; what it asks for and this page lacks is a sentence, and the default stands.
  read(address) {
    this.reset();
    this.faults = [];
    if (!address.startsWith(MARK)) return;
    const words = new URLSearchParams(address.slice(MARK.length));
    for (const key of [...Object.keys(this.chosen).filter((one) => one !== "at"), "at"]) {
      if (words.has(key)) this.take(key, words.get(key));
      this.settle();
    }
    for (const key of new Set(words.keys())) {
      if (!(key in this.chosen)) this.faults.push(`The link names “${key}”, which is nothing that can be chosen here.`);
    }
  }

  take(key, text) {
    const [known, several] = [this.options(key), Array.isArray(this.chosen[key])];
    const asked = several ? [...new Set(text.split(",").filter(Boolean))] : [text];
    const good = asked.filter((one) => known.includes(one));
    const bad = asked.filter((one) => !known.includes(one));
    const usable = good.length > 0 || (several && key === "models" && bad.length === 0);
    if (usable) this.chosen[key] = several ? good : good[0];
    if (bad.length || !usable) {
      const got = bad.length ? `“${bad.join("”, “")}”` : "nothing";
      const instead = usable ? "the others are shown" : `shown is ${several ? "the usual choice" : `“${this.chosen[key]}”`}`;
      this.faults.push(`The link asks for ${got} as ${NAMES[key]}, which this page does not have: ${instead}.`);
    }
  }
}

const NAMES = {
  phase: "the phase", metric: "the metric", x: "the x axis", at: "what is held fixed", match: "what is matched", baseline: "the baseline",
  draw: "what is drawn", hide: "what is hidden", models: "a model", on: "a machine",
};
