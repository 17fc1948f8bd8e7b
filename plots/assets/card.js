// What a feature's page and the attribution graph share: the card of a feature, with the tokens that
// it raises and lowers, the histogram of its activations and its examples, and tips on tokens. Data
// has Words, Breaks and Palettes, see featurepage.go.
"use strict";

function element(parent, tag, className, text) {
  const e = parent.appendChild(document.createElement(tag));
  if (className) e.className = className;
  if (text !== undefined) e.textContent = text;
  return e;
}

const minus = (text) => text.replace("-", "−");
const write = (v) => (typeof v === "number" ? minus(String(v)) : v === "NaN" ? "" : v);

function card(parent, data, one) {
  const breaks = new Set(data.Breaks || []);

  function paint(e, palette, shade) {
    const [fill, ink] = data.Palettes[palette][shade];
    e.style.backgroundColor = fill;
    e.style.color = ink;
  }

  // shadeOf is the place of v's colour between low and high.
  function shadeOf(v, low, high) {
    const last = data.Palettes[0].length - 4;
    if (typeof v !== "number") return last + { NaN: 1, "−∞": 2, "+∞": 3 }[v];
    return Math.round(last * Math.min(1, Math.max(0, (v / 2 - low / 2) / (high / 2 - low / 2))));
  }

  function table(parent, name, tokens) {
    if (!tokens.length) return;
    const t = element(parent, "table");
    element(element(element(t, "thead"), "tr"), "th", "", name).colSpan = 2;
    const body = element(t, "tbody");
    for (const [word, value, shade] of tokens) {
      const row = element(body, "tr");
      paint(row, 0, shade);
      element(element(row, "td"), "bdi", "", data.Words[word]);
      element(row, "td", "", write(value));
    }
  }

  function text(parent, one, label, ids, values, apart) {
    if (label) element(parent, "div", "gl-label", label);
    const line = element(parent, "div", "gl-text");
    line.dir = "ltr";
    ids.forEach((id, k) => {
      const span = element(line, "span", "", data.Words[id]);
      if (values[k] !== 0 || one.Low > 0 || one.High < 0) paint(span, one.Palette, shadeOf(values[k], one.Low, one.High));
      span.tabIndex = k ? -1 : 0;
      span.lines = [k + ": " + data.Words[id], write(values[k]) || "NaN"];
      if (apart && !breaks.has(id)) line.append(" ");
      else element(line, breaks.has(id) ? "br" : "wbr");
    });
  }

  const lists = element(parent, "div", "gl-lists");
  table(lists, "raises", one.Up);
  table(lists, "lowers", one.Down);
  if (one.Counts && one.Counts.length) histogram(lists, one.Edges, one.Counts, "activation", "positions");
  for (const group of one.Groups || []) {
    element(parent, "h3", "", group.Name || "examples");
    for (const [label, ids, values, apart] of group.Texts) text(parent, one, label, ids, values, apart);
  }
}

// histogram draws counts of intervals on a logarithmic axis.
function histogram(parent, edges, counts, name, unit) {
  const w = 320, h = 150, base = h - 34, from = 46;
  const lo = Math.log10(edges[0]), hi = Math.log10(edges[edges.length - 1]), top = Math.max(...counts, 1);
  const at = (v) => from + ((Math.log10(v) - lo) / (hi - lo || 1)) * (w - from - 8);
  const ns = "http://www.w3.org/2000/svg";
  const draw = (parent, tag, attributes, text) => {
    const e = parent.appendChild(document.createElementNS(ns, tag));
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    return e;
  };
  const svg = draw(parent, "svg", { class: "gl-hist", width: w, height: h, role: "img", "aria-label": "histogram of " + name });
  counts.forEach((count, k) => {
    const left = at(edges[k]), right = at(edges[k + 1]), y = base - (count / top) * (base - 8);
    const bar = draw(svg, "rect", { x: left + 0.5, y, width: Math.max(0.5, right - left - 1), height: base - y });
    draw(bar, "title", {}, write(Number(edges[k].toPrecision(3))) + " to " + write(Number(edges[k + 1].toPrecision(3))) + ": " + count);
  });
  draw(svg, "line", { x1: from, x2: w - 8, y1: base, y2: base });
  draw(svg, "text", { x: from - 4, y: 16, "text-anchor": "end" }, top);
  draw(svg, "text", { x: from - 4, y: base, "text-anchor": "end" }, 0);
  draw(svg, "text", { x: from, y: base + 14 }, write(Number(edges[0].toPrecision(3))));
  draw(svg, "text", { x: w - 8, y: base + 14, "text-anchor": "end" }, write(Number(edges[edges.length - 1].toPrecision(3))));
  draw(svg, "text", { x: (from + w) / 2, y: h - 6, "text-anchor": "middle" }, unit + " by " + name);
}

// tipsIn serves the pointer and the keyboard on the tokens in a box, and gives the tip, which the box
// must hold.
function tipsIn(box) {
  const tip = document.createElement("div");
  tip.className = "gl-tip";
  tip.setAttribute("role", "status");

  function point(span, lines) {
    tip.replaceChildren();
    tip.hidden = !span;
    if (!span) return;
    for (const line of lines) if (line) element(tip, "div", "", line).dir = "auto";
    const at = span.getBoundingClientRect(), from = box.getBoundingClientRect();
    tip.style.left = Math.max(0, Math.min(at.left - from.left, box.clientWidth - tip.offsetWidth)) + "px";
    tip.style.top = at.bottom - from.top + box.scrollTop + 4 + "px";
  }

  for (const event of ["pointerover", "focusin"]) box.addEventListener(event, (e) => e.target.lines && point(e.target, e.target.lines));
  for (const event of ["pointerout", "focusout"]) box.addEventListener(event, () => point(null));
  box.addEventListener("keydown", (e) => {
    if (!e.target.lines) return;
    const all = [...e.target.parentElement.querySelectorAll("span")], at = all.indexOf(e.target);
    const next = all[{ ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[e.key]];
    if (!next) return;
    e.preventDefault();
    e.stopPropagation(); // JupyterLab would move to another cell
    e.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  return tip;
}
