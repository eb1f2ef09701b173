// The table of all cells of one setting, made when somebody opens it: it would be a third of the page.

function everyCell(setting, page) {
  const { cells } = setting;
  const headings = [["Model"], ["Phase"], ["n", true], ["T", true], ["B", true], ["Layers", true], ["Compared"], ["Time per step", true], ["95 % interval"], ["Spread", true], ["Peak memory", true], ["Energy per step", true], ["Parameters", true], ["Processes × rounds"], ["Flag"]];
  const rows = Array.from({ length: setting.count }, (_, number) => {
    const [series, sizes] = [page.series[cells.series[number]], sizesOf(setting, number)];
    const [time, peak, joule] = ["step_time", "peak_allocated", "energy"].map((metric) => setting.value(number, metric));
    const outcome = setting.outcomes[number];
    const unstable = setting.unstable[number];
    const size = (value) => cell(value === null ? "not measured" : whole(value), { number: true, key: value ?? "inf", tone: value === null ? "none" : undefined });
    return make(
      "tr", { "data-series": series.id },
      cell(series.label), cell(page.phases[sizes.phase] ?? sizes.phase), size(sizes.hidden_size), size(sizes.length), size(sizes.batch), size(sizes.num_layers),
      cell(cells.compared[number] === "1" ? "yes" : ""),
      time ? cell(seconds(time.value), { number: true, key: time.value }) : cell(outcome?.[0] ?? "not measured", { number: true, key: "inf", note: outcome?.[1] }),
      cell(time ? between(time.low, time.high, seconds) : "", { key: time?.low ?? "inf" }),
      cell(time ? perCent(cells.spread[number]) : "", { number: true, key: time ? cells.spread[number] : "inf" }),
      peak ? cell(binaryBytes(peak.value), { number: true, key: peak.value }) : cell("not measured", { number: true, key: "inf", tone: "none" }),
      joule ? cell(joules(joule.value), { number: true, key: joule.value }) : cell("not measured", { number: true, key: "inf", tone: "none" }),
      size(sizes.parameters),
      cell(time ? `${cells.processes[number]} × ${Math.floor(cells.rounds[number] / Math.max(cells.processes[number], 1))}` : "", { key: time ? cells.rounds[number] : "inf" }),
      unstable ? cell("unstable", { key: 1, note: unstable, tone: "behind" }) : cell("", { key: 0 }),
    );
  });
  const made = table("Every measured cell", headings, rows);
  made.querySelector("table").classList.remove("compact");
  return made;
}
