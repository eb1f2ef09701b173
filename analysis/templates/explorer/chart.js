// A panel a machine: lines over a size with 95 % intervals, and what is under the pointer or the arrow keys.

const MARKS = { 2: [[1, 1.5], [1]], 10: [[1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8], [1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]] };
const MOST_TICKS = 8;

// Ticks of a logarithmic axis: the finest marks of each power of two or of ten that are not too many.
function ticks(low, high, binary) {
  const base = binary ? 2 : 10;
  const first = Math.floor(Math.log(low) / Math.log(base));
  const powers = Array.from({ length: Math.ceil(Math.log(high) / Math.log(base)) - first + 1 }, (_, number) => first + number);
  const inside = (tick) => tick >= low && tick <= high;
  for (const marks of MARKS[base]) {
    const found = powers.flatMap((power) => marks.map((mark) => mark * base ** power)).filter(inside);
    if (found.length <= MOST_TICKS) return found;
  }
  const every = Math.ceil(powers.length / MOST_TICKS);
  return powers.filter((power) => power % every === 0).map((power) => base ** power).filter(inside);
}

function tickText(tick, units) {
  const [scale, name] = units.find(([unit]) => tick >= unit * (1 - 1e-9)) ?? units.at(-1);
  return `${Number((tick / scale).toPrecision(3)).toLocaleString("en")} ${name}`.replace(" /s", "/s");
}

// Ticks too near to the one before would overwrite it.
function apart(plot, found) {
  let end = -Infinity;
  return found.map((tick) => {
    const [place, half] = [plot.valToPos(tick, "x"), 3.6 * whole(tick).length];
    if (place - half < end + 8) return null;
    end = place + half;
    return tick;
  });
}

class Chart {
  constructor(holder, title, rows, look, say) {
    Object.assign(this, { title, look, say, rows: rows.filter((row) => look.number(row)) });
    this.at = -1;
    this.hint = make("div", { class: "tip", hidden: true });
    this.plotted = make("div", {
      class: "plot", tabindex: "0", role: "application", "aria-roledescription": "chart",
      "aria-label": `${title}. ${this.rows.length} values; arrow keys go from one to the next, and the table has them all.`,
    });
    this.plotted.addEventListener("keydown", (event) => this.step(event));
    this.plotted.addEventListener("blur", () => this.point(-1));
    holder.append(make("div", { class: "panel" }, make("h3", {}, title), this.plotted, this.hint));
    this.holder = this.plotted.parentElement;
    if (!this.rows.length) this.plotted.append(make("p", { class: "empty" }, "Nothing to draw here."));
  }

  // When every panel is in its place, so that its width is known.
  draw() {
    if (!this.rows.length) return;
    const { look, rows } = this;
    const xs = [...new Set(rows.map((row) => row.x))].sort((a, b) => a - b);
    const groups = this.lines();
    const style = (name) => () => colour(name);
    const [ink, grid, muted] = ["ink", "grid", "muted"].map(style);
    const ends = { x: [xs[0] / 1.18, xs.at(-1) * 1.18], y: look.range };
    const axis = { stroke: muted, font: "12px system-ui, sans-serif", labelFont: "12px system-ui, sans-serif", grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    const options = {
      ...this.size(),
      legend: { show: false },
      cursor: { points: { show: false }, drag: { x: false, y: false }, x: false, y: false },
      scales: { x: { time: false, distr: 3, log: 2, range: () => ends.x }, y: { distr: 3, log: look.binary ? 2 : 10, range: () => ends.y } },
      axes: [
        { ...axis, label: look.x, labelSize: 22, splits: () => xs, filter: (plot, found) => apart(plot, found), values: (_, found) => found.map((tick) => (tick === null ? "" : whole(tick))) },
        { ...axis, size: 84, splits: () => ticks(...ends.y, look.binary), filter: (_, found) => found, values: (_, found) => found.map((tick) => look.tick(tick)) },
      ],
      series: [{}, ...groups.map(([first]) => ({
        label: first.series.label, stroke: style(first.series.colour), width: first.series.width, spanGaps: true, points: { show: false },
        dash: first.series.dashes.map((dash) => dash * first.series.width),
      }))],
      hooks: { drawSeries: [(plot, number) => number && this.marks(plot, groups[number - 1])], draw: [(plot) => this.line(plot, ink())] },
    };
    const data = [xs, ...groups.map((group) => xs.map((x) => { const row = group.find((one) => one.x === x); return row ? look.number(row).value : null; }))];
    this.plot = new uPlot(options, data, this.plotted);
    this.plot.over.addEventListener("mousemove", (event) => this.point(this.nearest(event.offsetX, event.offsetY)));
    this.plot.over.addEventListener("mouseleave", () => this.point(-1));
    new ResizeObserver(() => this.fit()).observe(this.plotted);
  }

  // The rows of each series.
  lines() {
    const found = new Map();
    for (const row of this.rows) found.set(row.series, [...(found.get(row.series) ?? []), row]);
    return [...found.values()];
  }

  size() {
    const width = Math.max(this.plotted.clientWidth, 200);
    return { width, height: Math.round(Math.min(460, Math.max(300, width * 0.62))) };
  }

  fit() {
    if (this.plotted.clientWidth && Math.abs(this.plotted.clientWidth - this.plot.width) > 1) this.plot.setSize(this.size());
  }

  // Bars of the 95 % intervals, and markers.
  marks(plot, group) {
    const ratio = devicePixelRatio;
    const [ink, card] = [colour(group[0].series.colour), colour("card")];
    for (const row of group) {
      const { value, low, high } = this.look.number(row);
      const [x, y] = [plot.valToPos(row.x, "x", true), plot.valToPos(value, "y", true)];
      plot.ctx.save();
      plot.ctx.strokeStyle = ink;
      plot.ctx.lineWidth = 1.4 * ratio;
      plot.ctx.setLineDash([]);
      if (low !== high) {
        const [top, bottom] = [plot.valToPos(high, "y", true), plot.valToPos(low, "y", true)];
        const cap = 4 * ratio;
        plot.ctx.beginPath();
        plot.ctx.moveTo(x, top);
        plot.ctx.lineTo(x, bottom);
        for (const end of [top, bottom]) {
          plot.ctx.moveTo(x - cap, end);
          plot.ctx.lineTo(x + cap, end);
        }
        plot.ctx.stroke();
      }
      drawMarker(plot.ctx, row.series, x, y, (row.series.width > 2 ? 5 : 4) * ratio, ink, card);
      plot.ctx.restore();
    }
  }

  // The line at 1 of ratios, and a ring around what is pointed at.
  line(plot, ink) {
    const { ctx } = plot;
    ctx.save();
    ctx.strokeStyle = ink;
    ctx.lineWidth = devicePixelRatio;
    const [low, high] = this.look.range;
    if (this.look.one && low < 1 && high > 1) {
      const y = plot.valToPos(1, "y", true);
      ctx.setLineDash([6, 4]);
      ctx.beginPath();
      ctx.moveTo(plot.bbox.left, y);
      ctx.lineTo(plot.bbox.left + plot.bbox.width, y);
      ctx.stroke();
    }
    if (this.at >= 0) {
      const row = this.rows[this.at];
      ctx.setLineDash([]);
      ctx.lineWidth = 2 * devicePixelRatio;
      ctx.beginPath();
      ctx.arc(plot.valToPos(row.x, "x", true), plot.valToPos(this.look.number(row).value, "y", true), 9 * devicePixelRatio, 0, 2 * Math.PI);
      ctx.stroke();
    }
    ctx.restore();
  }

  place(row) {
    return [this.plot.valToPos(row.x, "x"), this.plot.valToPos(this.look.number(row).value, "y")];
  }

  nearest(x, y) {
    const distances = this.rows.map((row) => Math.hypot(...this.place(row).map((at, axis) => at - [x, y][axis])));
    const least = Math.min(...distances);
    return least < 40 ? distances.indexOf(least) : -1;
  }

  // Left and right along a line, up and down from line to line, Escape to leave.
  step(event) {
    const turn = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: "next", ArrowUp: "previous", Home: "first", End: "last", Escape: "none" }[event.key];
    if (turn === undefined || !this.rows.length) return;
    event.preventDefault();
    const last = this.rows.length - 1;
    if (turn === "none") return this.point(-1);
    if (turn === "first" || this.at < 0) return this.point(0, true);
    if (turn === "last") return this.point(last, true);
    if (typeof turn === "number") return this.point(Math.min(Math.max(this.at + turn, 0), last), true);
    const here = this.rows[this.at];
    const others = [...new Set(this.rows.map((row) => row.series))];
    const wanted = others[others.indexOf(here.series) + (turn === "next" ? 1 : -1)];
    if (!wanted) return undefined;
    const distance = (row) => Math.abs(Math.log(row.x / here.x));
    const near = this.rows.filter((row) => row.series === wanted).sort((a, b) => distance(a) - distance(b))[0];
    return this.point(this.rows.indexOf(near), true);
  }

  point(number, aloud = false) {
    if (number === this.at || !this.plot) return;
    this.at = number;
    this.plot.redraw(false);
    this.hint.hidden = number < 0;
    if (number < 0) return;
    const row = this.rows[number];
    const said = this.look.describe(row);
    this.hint.replaceChildren(make("b", {}, said[0]), ...said.slice(1).map((text) => make("span", {}, text)));
    const [x, y] = this.place(row);
    const width = this.holder.clientWidth;
    const left = this.plotted.offsetLeft + this.plot.over.offsetLeft + x;
    this.hint.style.top = `${this.plotted.offsetTop + this.plot.over.offsetTop + y + 16}px`;
    this.hint.style.left = `${Math.max(4, Math.min(left + 12, width - this.hint.offsetWidth - 4))}px`;
    if (aloud) this.say(said.join(". "));
  }

  // Colours follow the page.
  recolour() {
    this.plot?.redraw(false);
  }

  destroy() {
    this.plot?.destroy();
  }
}
