// Ties the page's data, the state, the controls and what is shown together.

const page = JSON.parse(document.getElementById("measurements").textContent);
const settings = page.settings.map((data, number) => new Setting(data, number, page));
const explorer = document.getElementById("explorer");
const part = (name) => explorer.querySelector(`.${name}`);
const state = new State(page, settings);
const controls = new Controls(part("controls"), state, (what) => (what === "csv" ? saveShown() : show(true)));
let charts = [];

function shownRows() {
  return rowsOf(state).filter((row) => state.chosen.hide !== "1" || !isNoise(row));
}

function show(byHand) {
  if (byHand) history.replaceState(null, "", state.address());
  controls.show();
  const rows = shownRows();
  const known = rows.filter((row) => row.value).length;
  const count = `${known} value${known === 1 ? "" : "s"} shown${rows.length > known ? `, ${rows.length - known} without one` : ""}.`;
  const nothing = rows.length ? "" : state.chosen.models.length ? " Nothing was measured there: choose another place or metric." : " No model is chosen.";
  part("said").textContent = [...state.faults, ...page.notes, count + nothing].join(" ");
  drawCharts(rows);
  part("means").replaceChildren(meansTable(state, rows));
  part("values").replaceChildren(valuesTable(state, rows));
}

// A panel a machine, on one scale, so that their lines can be compared by eye.
function drawCharts(rows) {
  charts.forEach((chart) => chart.destroy());
  part("panels").replaceChildren();
  const look = lookOf(state, rows);
  const metric = state.metrics[state.chosen.metric];
  const what = state.chosen.draw === "ratio" ? `${metric.label}: ratio to ${baselineName(state)}` : metric.label;
  const shown = state.shownSettings();
  part("panels").classList.toggle("several", shown.length > 1);
  charts = shown.map((setting) => {
    const title = `${what}, ${page.phases[state.chosen.phase].toLowerCase()}, ${partText(state.chosen.at)}${shown.length > 1 ? `: ${nameOf(state, setting)}` : ""}`;
    const say = (text) => { part("aloud").textContent = text; };
    return new Chart(part("panels"), title, rows.filter((row) => row.setting === setting), look, say);
  });
  charts.forEach((chart) => chart.draw());
}

function saveShown() {
  save(csv(state, shownRows()), `urnn-${state.chosen.phase}-${state.chosen.metric}.csv`);
}

function follow() {
  state.read(location.hash);
  show(false);
  if (location.hash.startsWith(MARK)) explorer.scrollIntoView();
}

addEventListener("hashchange", follow);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => chart.recolour()));
for (const holder of document.querySelectorAll(".every-cell")) {
  const folded = holder.closest("details");
  const fill = () => {
    if (holder.childElementCount) return;
    holder.append(everyCell(settings[holder.dataset.setting], page));
    showRows(holder.querySelector("table")); // of page.js: what is highlighted or searched for
  };
  if (folded.open) fill();
  folded.addEventListener("toggle", fill);
}
follow();
