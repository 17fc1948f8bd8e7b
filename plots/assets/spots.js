// Makes a static picture answer the pointer and the keyboard. The picture is
// an <svg> or <img> inside figure.gl-picture; beside it stands the list of its
// spots as JSON, see scene.go.
(() => {
  "use strict";

  // near is how far, in the picture's pixels, a mark feels the pointer.
  const near = 30;

  function start(figure) {
    const source = figure.querySelector("script[type='application/json']");
    if (!source) return; // left by a notebook that was not trusted
    figure.dataset.live = "yes";
    const picture = figure.querySelector("svg, img");
    const data = JSON.parse(source.textContent);
    const tip = figure.appendChild(document.createElement("div"));
    tip.className = "gl-tip";
    tip.setAttribute("role", "status");
    const ring = figure.appendChild(document.createElement("div"));
    ring.className = "gl-ring";
    picture.setAttribute("tabindex", "0");
    let place = null; // {spot, row, column} that is shown
    let held = false;

    const scale = () => picture.getBoundingClientRect().width / data.Width;

    // at finds the place under a point of the picture.
    function at(x, y) {
      let best = null, distance = near;
      data.Spots.forEach((spot, i) => {
        const g = spot.Grid;
        if (g) {
          const column = Math.floor((x - g.X) / g.W * g.XLabels.length);
          const row = Math.floor((y - g.Y) / g.H * g.YLabels.length);
          if (column >= 0 && row >= 0 && column < g.XLabels.length && row < g.YLabels.length) {
            best = { i, row, column };
            distance = 0;
          }
          return;
        }
        const d = Math.hypot(spot.X - x, spot.Y - y);
        if (d < distance) {
          best = { i };
          distance = d;
        }
      });
      return best;
    }

    function lines(p) {
      const spot = data.Spots[p.i], g = spot.Grid;
      if (!g) return spot.Tip;
      const cell = p.row * g.XLabels.length + p.column;
      const out = g.Head ? [g.Head] : [];
      out.push(g.YName + ": " + g.YLabels[p.row], g.XName + ": " + g.XLabels[p.column]);
      if (g.Text && g.Text[cell]) out.push("text: " + g.Text[cell]);
      out.push(g.Unit + ": " + g.Values[cell]);
      return out;
    }

    // box is where a place lies in the picture.
    function box(p) {
      const spot = data.Spots[p.i], g = spot.Grid;
      if (!g) return { x: spot.X - 5, y: spot.Y - 5, w: 10, h: 10 };
      const w = g.W / g.XLabels.length, h = g.H / g.YLabels.length;
      return { x: g.X + p.column * w, y: g.Y + p.row * h, w, h };
    }

    function show(p) {
      place = p;
      tip.hidden = ring.hidden = !p;
      ring.classList.toggle("gl-held", held);
      if (!p) return;
      const b = box(p), k = scale(), origin = { x: picture.offsetLeft || 0, y: picture.offsetTop || 0 };
      tip.replaceChildren(...lines(p).map((line) => {
        const div = document.createElement("div");
        div.textContent = line;
        div.dir = "auto";
        return div;
      }));
      Object.assign(ring.style, { left: origin.x + b.x * k + "px", top: origin.y + b.y * k + "px", width: b.w * k + "px", height: b.h * k + "px" });
      const room = figure.clientWidth - tip.offsetWidth;
      tip.style.left = Math.max(0, Math.min(room, origin.x + (b.x + b.w) * k + 8)) + "px";
      tip.style.top = origin.y + (b.y + b.h) * k + 6 + "px";
    }

    function pointed(event) {
      const r = picture.getBoundingClientRect(), k = scale();
      return at((event.clientX - r.left) / k, (event.clientY - r.top) / k);
    }

    // step moves by the arrow keys: over a grid's cells, or from mark to mark.
    function step(dx, dy) {
      const from = place || (data.Spots.length ? { i: 0, row: 0, column: -1 } : null);
      if (!from) return;
      const g = data.Spots[from.i].Grid;
      if (!g) {
        const n = data.Spots.length, i = place ? (from.i + dx + dy + n) % n : 0;
        return show(data.Spots[i].Grid ? { i, row: 0, column: 0 } : { i });
      }
      let { i, row, column } = from;
      column += dx;
      row += dy;
      if (column >= g.XLabels.length || column < 0) {
        i = (i + dx + data.Spots.length) % data.Spots.length; // on to the next facet
        column = column < 0 ? data.Spots[i].Grid.XLabels.length - 1 : 0;
      }
      const rows = data.Spots[i].Grid.YLabels.length;
      show({ i, row: (row + rows) % rows, column });
    }

    picture.addEventListener("pointermove", (e) => held || show(pointed(e)));
    picture.addEventListener("pointerleave", () => held || show(null));
    picture.addEventListener("click", (e) => {
      const p = pointed(e);
      held = Boolean(p) && !(held && JSON.stringify(p) === JSON.stringify(place));
      show(p);
    });
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    picture.addEventListener("keydown", (e) => {
      if (e.key === "Escape") {
        held = false;
        show(null);
      } else if (arrows[e.key]) {
        e.preventDefault();
        e.stopPropagation(); // JupyterLab would move to another cell
        step(...arrows[e.key]);
      }
    });
    picture.addEventListener("blur", () => held || show(null));
    show(null);
  }

  document.querySelectorAll(".gl-picture:not([data-live])").forEach(start);
})();
