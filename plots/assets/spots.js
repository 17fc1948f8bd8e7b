// Makes a static picture answer the pointer and the keyboard, and lets it be
// zoomed. The picture is an <svg> inside figure.gl-picture; beside it stands
// the list of its spots as JSON, see scene.go.
(() => {
  "use strict";

  // near is how far, in the picture's pixels, a mark feels the pointer.
  const near = 30;

  function start(figure) {
    const source = figure.querySelector("script[type='application/json']");
    if (!source) return; // left by a notebook that was not trusted
    figure.dataset.live = "yes";
    const picture = figure.querySelector("svg");
    const data = JSON.parse(source.textContent);
    const tip = figure.appendChild(document.createElement("div"));
    tip.className = "gl-tip";
    tip.setAttribute("role", "status");
    const ring = figure.appendChild(document.createElement("div"));
    ring.className = "gl-ring";
    picture.setAttribute("tabindex", "0");
    let place = null; // {spot, row, column} that is shown
    let held = false;

    // What is seen of the picture: from x and y on, so many times enlarged.
    const whole = picture.viewBox.baseVal, width = whole.width, height = whole.height, most = 40;
    let view = { x: 0, y: 0, k: 1 };

    const scale = () => (picture.getBoundingClientRect().width / data.Width) * view.k;

    // look shows the part of the picture that begins at x and y, none beyond its edges.
    function look(x, y, k) {
      k = Math.min(Math.max(k, 1), most);
      view = { k, x: Math.min(Math.max(x, 0), width - width / k), y: Math.min(Math.max(y, 0), height - height / k) };
      picture.setAttribute("viewBox", [view.x, view.y, width / k, height / k].join(" "));
      show(place);
    }

    // zoom enlarges around a point of the picture, which stays where it is.
    function zoom(factor, x, y) {
      const k = Math.min(Math.max(view.k * factor, 1), most), f = view.k / k;
      look(x - (x - view.x) * f, y - (y - view.y) * f, k);
    }

    // follow moves what is seen so far that a box lies in it.
    function follow(b) {
      const w = width / view.k, h = height / view.k;
      look(Math.min(Math.max(view.x, b.x + b.w - w), b.x), Math.min(Math.max(view.y, b.y + b.h - h), b.y), view.k);
    }

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
      const left = origin.x + (b.x - view.x) * k, top = origin.y + (b.y - view.y) * k;
      Object.assign(ring.style, { left: left + "px", top: top + "px", width: b.w * k + "px", height: b.h * k + "px" });
      const room = figure.clientWidth - tip.offsetWidth;
      tip.style.left = Math.max(0, Math.min(room, left + b.w * k + 8)) + "px";
      tip.style.top = top + b.h * k + 6 + "px";
    }

    // under is the point of the picture where the pointer is.
    function under(event) {
      const r = picture.getBoundingClientRect(), k = scale();
      return [view.x + (event.clientX - r.left) / k, view.y + (event.clientY - r.top) / k];
    }

    const pointed = (event) => at(...under(event));

    // go shows a place, all of it.
    function go(p) {
      show(p);
      if (view.k > 1) follow(box(p));
    }

    // step moves by the arrow keys: over a grid's cells, or from mark to mark.
    function step(dx, dy) {
      const from = place || (data.Spots.length ? { i: 0, row: 0, column: -1 } : null);
      if (!from) return;
      const g = data.Spots[from.i].Grid;
      if (!g) {
        const n = data.Spots.length, i = place ? (from.i + dx + dy + n) % n : 0;
        return go(data.Spots[i].Grid ? { i, row: 0, column: 0 } : { i });
      }
      let { i, row, column } = from;
      column += dx;
      row += dy;
      if (column >= g.XLabels.length || column < 0) {
        i = (i + dx + data.Spots.length) % data.Spots.length; // on to the next facet
        column = column < 0 ? data.Spots[i].Grid.XLabels.length - 1 : 0;
      }
      const rows = data.Spots[i].Grid.YLabels.length;
      go({ i, row: (row + rows) % rows, column });
    }

    let grip = null, moved = false; // where the pointer went down, and whether it has left there

    function drag(e) {
      if (!grip || view.k === 1) return false;
      moved = moved || Math.hypot(e.clientX - grip.clientX, e.clientY - grip.clientY) > 4;
      if (moved) look(grip.x - (e.clientX - grip.clientX) / scale(), grip.y - (e.clientY - grip.clientY) / scale(), view.k);
      return moved;
    }

    picture.addEventListener("pointerdown", (e) => {
      grip = { clientX: e.clientX, clientY: e.clientY, x: view.x, y: view.y };
      moved = false;
    });
    window.addEventListener("pointerup", () => (grip = null));
    picture.addEventListener("pointermove", (e) => drag(e) || held || show(pointed(e)));
    picture.addEventListener("pointerleave", () => held || show(null));
    picture.addEventListener("wheel", (e) => {
      if (!e.ctrlKey && !e.metaKey) return; // alone it scrolls the page
      e.preventDefault();
      zoom(Math.pow(1.002, -e.deltaY * (e.deltaMode ? 16 : 1)), ...under(e));
    }, { passive: false });
    picture.addEventListener("dblclick", () => look(0, 0, 1));
    picture.addEventListener("click", (e) => {
      if (moved) return;
      const p = pointed(e);
      held = Boolean(p) && !(held && JSON.stringify(p) === JSON.stringify(place));
      show(p);
    });
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    picture.addEventListener("keydown", (e) => {
      const b = place && box(place), nearer = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 }[e.key];
      if (e.key === "Escape") {
        held = false;
        place = null;
        look(0, 0, 1);
      } else if (nearer && !e.ctrlKey && !e.metaKey) {
        zoom(nearer, b ? b.x + b.w / 2 : view.x + width / view.k / 2, b ? b.y + b.h / 2 : view.y + height / view.k / 2);
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
