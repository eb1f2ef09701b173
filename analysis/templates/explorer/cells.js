// One setting's cells (a machine and a commit) and what is known of each, by their numbers in the page's data.

class Setting {
  constructor(data, number, page) {
    Object.assign(this, data);
    this.number = number;
    this.page = page;
    this.count = data.cells.series.length;
    this.read = new Map();
    this.bySize = new Map(); // point, hidden size and series -> cell
    this.ranks = data.points.map(() => []);
    for (let cell = 0; cell < this.count; cell++) {
      const [point, series] = [data.cells.point[cell], data.cells.series[cell]];
      this.bySize.set(`${point}:${data.cells.hidden_size[cell]}:${series}`, cell);
      if (!this.ranks[point].includes(series)) this.ranks[point].push(series);
    }
    for (const ranks of this.ranks) ranks.sort((a, b) => a - b);
  }

  // {phase, task, num_layers, length, batch} of a cell.
  point(cell) {
    const [phase, task, num_layers, length, batch] = this.points[this.cells.point[cell]];
    return { phase, task, num_layers, length, batch };
  }

  // A measured value with its bounds, as packed in the page; null where there is none.
  value(cell, metric) {
    const column = this.values[metric];
    const value = column?.value?.[cell];
    if (value === null || value === undefined) return null;
    return { value, low: column.low?.[cell] ?? value, high: column.high?.[cell] ?? value };
  }

  // The cell of another series at the same point and hidden size, if it has one.
  atSameSize(cell, series) {
    return this.bySize.get(`${this.cells.point[cell]}:${this.cells.hidden_size[cell]}:${series}`);
  }

  // The cell's ratio over another series at equal hidden_size, state_size or parameters.
  ratio(cell, series, match, metric) {
    if (this.cells.series[cell] === series) return this.value(cell, metric) && { value: 1, low: 1, high: 1 };
    const twin = this.atSameSize(cell, series);
    const equal = match === "hidden_size" || (twin !== undefined && this.cells[match][twin] === this.cells[match][cell] && this.cells[match][cell] !== null);
    if (equal) return twin === undefined ? null : this.ratioAtEqualSize(cell, twin, metric);
    const place = this.ranks[this.cells.point[cell]].filter((rank) => rank !== this.cells.series[cell]).indexOf(series);
    const found = this.cached(`${match} ${metric} ${cell}`, () => readRatios(this.matched[match][metric][cell], null));
    return found[place] ?? null;
  }

  ratioAtEqualSize(cell, other, metric) {
    if (cell > other) return inverse(this.ratioAtEqualSize(other, cell, metric));
    const value = (next) => this.values[metric].value[cell] / this.values[metric].value[cell + 1 + next];
    return this.cached(`equal ${metric} ${cell}`, () => readRatios(this.equal[metric][cell], value))[other - cell - 1];
  }

  // The same cell in another setting; -1 where it has none.
  cellIn(other, cell) {
    const wanted = this.points[this.cells.point[cell]].join();
    const point = other.points.findIndex((one) => one.join() === wanted);
    return other.bySize.get(`${point}:${this.cells.hidden_size[cell]}:${this.cells.series[cell]}`) ?? -1;
  }

  // The cell's ratio over the same cell of another setting.
  ratioOverSetting(cell, other, metric) {
    if (other === this) return this.value(cell, metric) && { value: 1, low: 1, high: 1 };
    const there = this.cellIn(other, cell);
    if (there < 0) return null;
    if (this.number > other.number) return inverse(other.ratioOverSetting(there, this, metric));
    const [mine, theirs] = [this.values[metric].value, other.values[metric].value];
    const value = (at) => mine[at] / theirs[this.cellIn(other, at)];
    const text = this.page.between[`${this.number},${other.number}`][metric] ?? "";
    return this.cached(`between ${other.number} ${metric}`, () => readRatios(text, value))[cell] ?? null;
  }

  cached(key, make) {
    if (!this.read.has(key)) this.read.set(key, make());
    return this.read.get(key);
  }
}
