// The controls: what can be chosen, each with a label; they write the state, and the state is what they show.

class Controls {
  constructor(form, state, changed) {
    Object.assign(this, { form, state, changed });
  }

  // A new choice; the focus stays on the control that was used.
  set(key, value) {
    this.state.set(key, value);
    this.changed();
  }

  show() {
    const { state, form } = this;
    const focused = form.contains(document.activeElement) ? document.activeElement.id : "";
    const scrolled = form.querySelector(".models")?.scrollTop ?? 0;
    const { page, metrics, settings } = state;
    const pick = (key, label, text) => this.select(key, label, state.options(key).map((one) => [one, text(one)]));
    const series = new Map(page.series.map((one) => [one.id, one.label]));
    const measured = state.shownSettings();
    const has = (name) => measured.some((one) => one.values[metrics[name].of ?? name]?.value);
    const fixed = fixedParts(measured, state.chosen.phase, state.chosen.x);
    form.replaceChildren(
      make("div", { class: "choices" },
        pick("phase", "Phase", (one) => page.phases[one]),
        pick("metric", "Metric", (one) => metrics[one].label + (has(one) ? "" : " (not measured)")),
        pick("x", "X axis", (one) => AXES[one].label),
        pick("at", "At", (one) => `${partText(one)} (${fixed.get(one)} size${fixed.get(one) === 1 ? "" : "s"})`),
        pick("baseline", "Baseline", (one) => series.get(one) ?? `the same on ${nameOf(state, settings.find((setting) => `on ${setting.id}` === one))}`),
        pick("match", "Compared at", (one) => page.matches[one]),
        pick("draw", "Draw", (one) => ({ value: "the values", ratio: "the ratio to the baseline" })[one]),
      ),
      this.boxes("on", settings.length > 1 ? "Machines and commits" : "Machine and commit", settings.map((one) => [one.id, `${one.place}, commit ${one.version}`]), "machines"),
      this.boxes("models", "Models", page.series.map((one) => [one.id, one.label, sample(one)]), "models"),
      make("div", { class: "deeds" },
        make("label", {}, this.box("hide", "hide-noise", state.chosen.hide === "1", (on) => this.set("hide", on ? "1" : "0")), " Hide what is within noise"),
        make("button", { type: "button", id: "pick-every", onclick: () => this.set("models", page.series.map((one) => one.id)) }, "Every model"),
        make("button", { type: "button", id: "pick-usual", onclick: () => this.set("models", page.series.filter((one) => one.usual).map((one) => one.id)) }, "The usual ones"),
        make("button", { type: "button", id: "pick-none", onclick: () => this.set("models", []) }, "None"),
        make("button", { type: "button", id: "csv", onclick: () => this.changed("csv") }, "CSV of what is shown"),
        make("button", { type: "button", id: "reset", onclick: () => { state.reset(); state.faults = []; this.changed(); } }, "Start again"),
      ),
    );
    form.querySelector(".models").scrollTop = scrolled;
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  select(key, label, options) {
    const { chosen } = this.state;
    const idle = key === "match" && chosen.baseline.startsWith("on ");
    const made = make("select", { id: `pick-${key}`, disabled: idle, onchange: (event) => this.set(key, event.target.value) },
      options.map(([value, text]) => make("option", { value, selected: value === chosen[key] }, text)));
    return make("label", { for: `pick-${key}`, class: key }, make("span", {}, label), made);
  }

  boxes(key, legend, options, kind) {
    const { chosen } = this.state;
    const toggle = (value, on) => {
      const others = chosen[key].filter((one) => one !== value);
      const next = on ? [...others, value] : others;
      if (next.length || key === "models") this.set(key, this.state.options(key).filter((one) => next.includes(one)));
      else this.changed(); // one machine at least stays
    };
    const made = options.map(([value, text, drawn]) =>
      make("label", { class: "pick" }, this.box(key, `pick-${key}-${value}`, chosen[key].includes(value), (on) => toggle(value, on)), drawn ?? "", make("span", {}, text)));
    return make("fieldset", { class: kind }, make("legend", {}, legend), made);
  }

  box(name, id, checked, tell) {
    const made = make("input", { type: "checkbox", id, name, onchange: (event) => tell(event.target.checked) });
    made.checked = checked;
    return made;
  }
}

// "copying-L1-T100-B32" for people.
function partText(key) {
  const [task, layers, ...sizes] = key.split("-");
  const said = sizes.map((size) => `${size[0]} = ${size.slice(1)}`);
  return [...said, ...(task === "copying" ? [] : [task]), ...(layers === "L1" ? [] : [`${layers.slice(1)} layers`])].join(", ");
}
