// How a series is drawn: marker, dashes and width repeat in shape what its colour says.

const CORNERS = { s: [4, 0.25], D: [4, 0], "^": [3, 0], v: [3, 0.5], "<": [3, 0.75], ">": [3, 0.25], p: [5, 0], h: [6, 0], 8: [8, 0], d: [4, 0] };

function outline(marker, x, y, radius) {
  const path = new Path2D();
  const polygon = (points) => points.forEach(([dx, dy], number) => path[number ? "lineTo" : "moveTo"](x + radius * dx, y + radius * dy));
  const around = (count, turn, radii) =>
    Array.from({ length: count }, (_, number) => {
      const angle = 2 * Math.PI * (number / count + turn / 1) - Math.PI / 2;
      const far = radii[number % radii.length];
      return [far * Math.cos(angle), far * Math.sin(angle)];
    });
  if (marker in CORNERS) {
    const [count, turn] = CORNERS[marker];
    const points = around(count, marker === "s" ? 1 / 8 : turn, [1.2]);
    polygon(marker === "d" ? points.map(([dx, dy]) => [0.65 * dx, 1.1 * dy]) : points);
  } else if (marker === "*") {
    polygon(around(10, 0, [1.4, 0.6]));
  } else if (marker === "P" || marker === "X") {
    const arm = 0.38;
    const plus = [[-arm, -1.15], [arm, -1.15], [arm, -arm], [1.15, -arm], [1.15, arm], [arm, arm], [arm, 1.15], [-arm, 1.15], [-arm, arm], [-1.15, arm], [-1.15, -arm], [-arm, -arm]];
    polygon(marker === "P" ? plus : plus.map(([dx, dy]) => [(dx - dy) * Math.SQRT1_2, (dx + dy) * Math.SQRT1_2]));
  } else {
    path.arc(x, y, radius, 0, 2 * Math.PI);
  }
  path.closePath();
  return path;
}

function drawMarker(ctx, series, x, y, radius, ink, card) {
  const path = outline(series.marker, x, y, radius);
  ctx.setLineDash([]);
  ctx.fillStyle = series.hollow ? card : ink;
  ctx.strokeStyle = series.hollow ? ink : card;
  ctx.lineWidth = series.hollow ? radius / 3 : radius / 6;
  ctx.fill(path);
  ctx.stroke(path);
}

// A short line with the marker, as a legend shows it.
function sample(series) {
  const canvas = make("canvas", { width: 68, height: 32, class: "sample", "aria-hidden": "true" });
  const draw = () => {
    const ctx = canvas.getContext("2d");
    ctx.clearRect(0, 0, 68, 32);
    const [ink, card] = [colour(series.colour), colour("card")];
    ctx.strokeStyle = ink;
    ctx.lineWidth = 2 * series.width;
    ctx.setLineDash(series.dashes.map((dash) => dash * 2 * series.width));
    ctx.beginPath();
    ctx.moveTo(2, 16);
    ctx.lineTo(66, 16);
    ctx.stroke();
    drawMarker(ctx, series, 34, 16, 10, ink, card);
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  return canvas;
}
