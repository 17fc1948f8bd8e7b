// The page of a dictionary: a table of all features, of which only the rows in view are made, and
// beside it the feature that is chosen, unpacked when it is. See featurepage.go for the data.
(() => {
  "use strict";

  const data = JSON.parse(document.querySelector("script[type='application/json']").textContent);
  const chunks = [...document.querySelectorAll("script[type='application/octet-stream']")];
  const x = data.Index, n = x.Number.length;
  const main = document.querySelector("main");

  const percent = (v) => (typeof v !== "number" ? "" : v > 0 && v < 1e-4 ? "<0.01 %" : (100 * v).toFixed(2) + " %");
  const words = (ids) => ids.map((id) => data.Words[id]).join(" ");

  // columns of the table: what a row shows there, and what it is sorted by.
  const columns = [
    { name: "feature", width: "70px", show: (i) => x.Number[i], by: (i) => x.Number[i] },
    { name: "density", width: "76px", show: (i) => percent(x.Density[i]), by: (i) => x.Density[i], falling: true },
    { name: "largest", width: "70px", show: (i) => write(x.Largest[i]), by: (i) => x.Largest[i], falling: true },
    ...data.Numbers.map((name, k) => ({ name, width: "84px", show: (i) => write(x.Numbers[i][k]), by: (i) => x.Numbers[i][k], falling: true })),
    { name: "raises", width: "minmax(90px, 1fr)", words: true, show: (i) => words(x.Up[i]), by: (i) => words(x.Up[i]) },
  ];
  if (x.About.some((a) => a)) columns.push({ name: "about", width: "minmax(90px, 1fr)", words: true, show: (i) => x.About[i], by: (i) => x.About[i] });
  const grid = columns.map((c) => c.width).join(" ");

  // The table's frame.
  const left = element(main, "section"), detail = element(main, "section", "gl-detail gl-card");
  detail.setAttribute("aria-live", "polite");
  const bar = element(left, "div", "gl-bar");
  const search = element(bar, "input");
  search.type = "search";
  search.placeholder = "feature number, or a word";
  search.setAttribute("aria-label", "search by feature number or by a word");
  const said = element(bar, "span");
  const head = element(left, "div", "gl-head");
  head.style.gridTemplateColumns = grid;
  const rows = element(left, "div", "gl-rows");
  rows.tabIndex = 0;
  rows.setAttribute("role", "listbox");
  rows.setAttribute("aria-label", "features");
  const space = element(rows, "div");
  const height = 24;

  let sorted = 0, falling = false; // column
  let order = x.Number.map((_, i) => i); // the rows that the search leaves, sorted
  let chosen = -1; // a feature's place in the index

  // number is v for sorting: what is unknown comes last.
  const number = (v) => (typeof v === "number" ? v : v === "+∞" ? Infinity : v === "−∞" ? -Infinity : NaN);

  function sort() {
    const c = columns[sorted], sign = falling ? -1 : 1;
    if (c.words) {
      const keys = new Map(order.map((i) => [i, c.by(i)]));
      order.sort((a, b) => sign * (keys.get(a) < keys.get(b) ? -1 : keys.get(a) > keys.get(b) ? 1 : 0) || a - b);
    } else {
      const keys = new Map(order.map((i) => [i, number(c.by(i))]));
      order.sort((a, b) => {
        const u = keys.get(a), v = keys.get(b);
        if (u !== u || v !== v) return (u !== u) - (v !== v) || a - b;
        return sign * (u - v) || a - b;
      });
    }
    buttons.forEach((b, i) => (i === sorted ? b.setAttribute("aria-sort", falling ? "descending" : "ascending") : b.removeAttribute("aria-sort")));
    draw();
  }

  const buttons = columns.map((c, i) => {
    const b = element(head, "button", c.words ? "gl-words" : "", c.name);
    b.type = "button";
    b.title = "sort by " + c.name;
    b.addEventListener("click", () => {
      falling = sorted === i ? !falling : Boolean(c.falling);
      sorted = i;
      sort();
      rows.scrollTop = 0;
    });
    return b;
  });

  // draw makes the rows that are in view.
  const made = new Map(); // by feature
  function draw() {
    space.style.height = order.length * height + "px";
    said.textContent = (order.length < n ? order.length + " of " : "") + n + " features";
    const first = Math.max(0, Math.floor(rows.scrollTop / height) - 4), last = Math.min(order.length, Math.ceil((rows.scrollTop + rows.clientHeight) / height) + 4);
    const wanted = new Set(order.slice(first, last));
    for (const [i, row] of made) {
      if (wanted.has(i)) continue;
      row.remove();
      made.delete(i);
    }
    for (let k = first; k < last; k++) {
      const i = order[k], row = made.get(i) || make(i);
      row.style.top = k * height + "px";
      row.setAttribute("aria-selected", i === chosen);
    }
  }

  function make(i) {
    const row = element(rows, "div", "gl-row");
    row.setAttribute("role", "option");
    row.style.gridTemplateColumns = grid;
    for (const c of columns) element(row, "span", c.words ? "gl-words" : "", c.show(i)).dir = "auto";
    row.addEventListener("click", () => choose(i));
    made.set(i, row);
    return row;
  }

  function reveal(i) {
    const k = order.indexOf(i);
    if (k < 0) return;
    if (k * height < rows.scrollTop || (k + 1) * height > rows.scrollTop + rows.clientHeight) rows.scrollTop = Math.max(0, k * height - rows.clientHeight / 2);
    draw();
  }

  function move(e) {
    const page = Math.max(1, Math.floor(rows.clientHeight / height) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -n, End: n }[e.key];
    if (!step || !order.length) return;
    e.preventDefault();
    const at = order.indexOf(chosen);
    choose(order[Math.min(order.length - 1, Math.max(0, at < 0 ? 0 : at + step))]);
  }

  // find goes to a feature by its number, or leaves the features in which a word occurs.
  const places = new Map(x.Number.map((number, i) => [number, i]));
  const hay = x.Number.map((_, i) => null);
  function find() {
    const text = search.value.trim(), wanted = text.toLowerCase();
    const all = x.Number.map((_, i) => i);
    if (/^\d+$/.test(text) && places.has(Number(text))) {
      order = all;
      sort();
      choose(places.get(Number(text)));
      return;
    }
    order = wanted === "" ? all : all.filter((i) => (hay[i] ??= (words(x.Up[i]) + "\n" + words(x.Down[i]) + "\n" + x.About[i]).toLowerCase()).includes(wanted));
    rows.scrollTop = 0;
    sort();
    if (/^\d+$/.test(text)) said.textContent += "; there is no feature " + text;
  }

  // unpack gives a feature's detail. The last chunks are kept.
  const unpacked = new Map();
  async function unpack(i) {
    const c = Math.floor(i / data.Each);
    if (!unpacked.has(c)) {
      const text = atob(chunks[c].textContent), bytes = new Uint8Array(text.length);
      for (let k = 0; k < text.length; k++) bytes[k] = text.charCodeAt(k);
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
      unpacked.set(c, await new Response(stream).json());
      if (unpacked.size > 16) unpacked.delete(unpacked.keys().next().value);
    }
    return unpacked.get(c)[i % data.Each];
  }

  async function choose(i) {
    chosen = i;
    reveal(i);
    try {
      history.replaceState(null, "", "#" + x.Number[i]);
    } catch {
      // a page without an address of its own
    }
    try {
      const one = await unpack(i);
      if (chosen === i) show(i, one);
    } catch (e) {
      detail.replaceChildren();
      element(detail, "p", "", "This feature cannot be unpacked (" + e.message + "). A browser from 2023 or later can.");
    }
  }

  function show(i, one) {
    const fresh = document.createDocumentFragment();
    element(fresh, "h2", "", "feature " + x.Number[i]);
    if (x.About[i]) element(fresh, "p", "", x.About[i]).dir = "auto";
    const facts = [];
    if (typeof x.Density[i] === "number") facts.push(x.Density[i] === 0 ? "never active" : "active at " + percent(x.Density[i]) + " of the positions");
    if (one.Groups) facts.push("largest " + (data.Unit || "value") + " " + write(x.Largest[i]));
    data.Numbers.forEach((name, k) => facts.push(name + " " + write(x.Numbers[i][k])));
    element(fresh, "p", "", facts.join(", "));
    for (const note of one.Notes || []) element(fresh, "p", "", note);
    card(fresh, data, one);
    detail.replaceChildren(fresh, tip);
    tip.hidden = true;
    detail.scrollTop = 0;
  }

  const tip = tipsIn(detail);

  // overview is what is seen before a feature is chosen: how often features are active.
  function overview() {
    const known = x.Density.filter((d) => typeof d === "number"), alive = known.filter((d) => d > 0);
    detail.replaceChildren();
    element(detail, "p", "", "Choose a feature: click a row, type a number, or move with the arrow keys.");
    if (!known.length) return;
    element(detail, "p", "", known.length - alive.length + " of " + known.length + " features are never active.");
    if (!alive.length) return;
    const least = alive.reduce((a, b) => Math.min(a, b)), most = alive.reduce((a, b) => Math.max(a, b));
    const bins = 30, lo = Math.log10(least), step = (Math.log10(most) - lo || 1) / bins;
    const counts = new Array(bins).fill(0), edges = [];
    for (let k = 0; k <= bins; k++) edges.push(10 ** (lo + k * step));
    for (const d of alive) counts[Math.min(bins - 1, Math.floor((Math.log10(d) - lo) / step + 1e-9))]++;
    histogram(element(detail, "div", "gl-lists"), edges, counts, "density", "features");
  }

  function fromAddress() {
    const i = places.get(Number(location.hash.slice(1)));
    if (location.hash.length > 1 && i !== undefined) choose(i);
  }

  rows.addEventListener("scroll", draw, { passive: true });
  rows.addEventListener("keydown", move);
  search.addEventListener("input", find);
  search.addEventListener("keydown", (e) => (e.key === "ArrowDown" || e.key === "Enter") && rows.focus());
  new ResizeObserver(draw).observe(rows);
  window.addEventListener("hashchange", fromAddress);
  overview();
  sort();
  fromAddress();
})();
