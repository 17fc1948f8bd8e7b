// Makes an attribution graph answer: nodes and links are drawn on canvases over the static picture's
// grid; a node that is chosen tells its inputs, outputs and feature; nodes are pinned, named and
// grouped. What the reader changes is kept by the browser and exported. See circuit_html.go.
const pi2 = 2 * Math.PI;

// bytesOf unpacks what Go writes as bytes.
function bytesOf(text) {
  const raw = atob(text || ""), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out.buffer;
}

// lists are the links at each end: those of node i are of[from[i]] to before of[from[i + 1]], the
// strongest first as all links are.
function lists(ends, n) {
  const from = new Uint32Array(n + 1), of = new Uint32Array(ends.length);
  for (const i of ends) from[i + 1]++;
  for (let i = 0; i < n; i++) from[i + 1] += from[i];
  const next = from.slice();
  ends.forEach((i, e) => (of[next[i]++] = e));
  return (i) => of.subarray(from[i], from[i + 1]);
}

function digest(text) {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return (h >>> 0).toString(16);
}

function start(root) {
  const source = root.querySelector("script[type='application/json']");
  if (!source) return; // left by a notebook that was not trusted
  root.dataset.live = "yes";
  const data = JSON.parse(source.textContent), nodes = data.Nodes, n = nodes.Id.length;
  const from = new Uint16Array(bytesOf(data.Source)), to = new Uint16Array(bytesOf(data.Target)), weight = new Float32Array(bytesOf(data.Weight));
  const m = weight.length, largest = m ? Math.abs(weight[0]) || 1 : 1;
  const inputs = lists(to, n), outputs = lists(from, n);
  const places = new Map();
  for (let i = n - 1; i >= 0; i--) places.set(nodes.Id[i], i); // features come before errors of the same id
  const tokenKind = 2;

  // What the reader has made of the graph.
  const key = "gopherlens.graph." + digest(nodes.Id.join(" "));
  function given() {
    const q = data.Document.qParams || {};
    const known = (ids) => (Array.isArray(ids) ? ids.filter((id) => places.has(id)) : []);
    const groups = (Array.isArray(q.supernodes) ? q.supernodes : []).filter(Array.isArray).map(([name, ...ids]) => [String(name), ...known(ids)]);
    return { pinned: known(q.pinnedIds), supernodes: groups.filter((g) => g.length > 1), labels: {}, prune: 1, links: Math.min(m, 400) };
  }
  let view = given();
  try {
    const kept = JSON.parse(localStorage.getItem(key));
    if (kept && Array.isArray(kept.pinned) && Array.isArray(kept.supernodes)) {
      view = { ...view, ...kept };
      view.pinned = view.pinned.filter((id) => places.has(id));
      view.supernodes = view.supernodes.map(([name, ...ids]) => [name, ...ids.filter((id) => places.has(id))]).filter((g) => g.length > 1);
    }
  } catch {
    // no storage here: what is changed lasts as long as the page
  }
  function keep() {
    try {
      localStorage.setItem(key, JSON.stringify(view));
    } catch {
      // as above
    }
  }

  const label = (i) => (Object.hasOwn(view.labels, nodes.Id[i]) ? view.labels[nodes.Id[i]] : "");
  const title = (i) => (label(i) ? label(i) + " (" + nodes.Title[i] + ")" : nodes.Title[i]);
  const pinned = (i) => view.pinned.includes(nodes.Id[i]) || view.supernodes.some((g) => g.indexOf(nodes.Id[i], 1) > 0);
  let shown = new Uint8Array(n); // 1 for nodes that are not pruned

  // The canvases.
  const map = root.querySelector(".gl-map");
  Object.assign(map.style, { position: "relative", overflow: "auto", maxHeight: "70vh" }); // so that the panel below is in view
  const ratio = Math.max(1, Math.min(3, devicePixelRatio || 1));
  function canvas() {
    const c = element(map, "canvas");
    Object.assign(c.style, { left: data.Left + "px", top: data.Top + "px", width: data.Width + "px", height: data.Height + "px" });
    c.width = Math.round(data.Width * ratio);
    c.height = Math.round(data.Height * ratio);
    const pen = c.getContext("2d");
    pen.scale(ratio, ratio);
    return [c, pen];
  }
  const [, base] = canvas(), [top, over] = canvas();
  top.tabIndex = 0;
  top.setAttribute("role", "application");
  top.setAttribute("aria-label", "attribution graph: arrow keys move from node to node, Enter chooses one");
  const tip = element(map, "div", "gl-tip");
  tip.setAttribute("role", "status");
  tip.hidden = true;

  function line(pen, e, alpha) {
    const size = Math.abs(weight[e]) / largest;
    pen.strokeStyle = weight[e] < 0 ? data.Down : data.Up;
    pen.globalAlpha = alpha * (0.25 + 0.75 * Math.sqrt(size));
    pen.lineWidth = 0.5 + 2 * size;
    pen.beginPath();
    pen.moveTo(nodes.X[from[e]], nodes.Y[from[e]]);
    pen.lineTo(nodes.X[to[e]], nodes.Y[to[e]]);
    pen.stroke();
    pen.globalAlpha = 1;
  }

  function dot(pen, i, radius) {
    const x = nodes.X[i], y = nodes.Y[i], kind = nodes.Kind[i];
    pen.fillStyle = data.Colors[kind];
    pen.beginPath();
    if (kind === 0) pen.arc(x, y, radius, 0, pi2);
    else if (kind === 1) {
      pen.moveTo(x, y - radius);
      pen.lineTo(x + radius, y);
      pen.lineTo(x, y + radius);
      pen.lineTo(x - radius, y);
    } else pen.rect(x - radius, y - radius, 2 * radius, 2 * radius);
    pen.fill();
  }

  function drawBase() {
    for (let i = 0; i < n; i++) shown[i] = nodes.Kind[i] >= tokenKind || nodes.Influence[i] === null || nodes.Influence[i] <= view.prune || pinned(i) ? 1 : 0;
    base.fillStyle = "#fff";
    base.fillRect(0, 0, data.Width, data.Height);
    base.strokeStyle = "#e3e3e3";
    base.lineWidth = 1;
    base.beginPath();
    for (const x of data.Columns) base.moveTo(x, 0), base.lineTo(x, data.Height);
    for (const y of data.Rows) base.moveTo(0, y), base.lineTo(data.Width, y);
    base.stroke();
    const drawn = [];
    for (let e = 0; e < m && drawn.length < view.links; e++) if (shown[from[e]] && shown[to[e]]) drawn.push(e);
    for (const e of drawn.reverse()) line(base, e, 0.5);
    for (let i = 0; i < n; i++) if (shown[i]) dot(base, i, 4);
    let count = 0;
    for (const s of shown) count += s;
    saidNodes.textContent = count + " of " + n;
    saidLinks.textContent = drawn.length + " of " + m;
    drawOver();
  }

  let hovered = -1, chosen = -1, cursor = -1;

  function drawOver() {
    over.clearRect(0, 0, data.Width, data.Height);
    const focus = hovered >= 0 ? hovered : chosen;
    if (focus >= 0) {
      over.fillStyle = "rgba(255, 255, 255, 0.6)";
      over.fillRect(0, 0, data.Width, data.Height);
      const near = new Set([focus]), own = [...inputs(focus), ...outputs(focus)].filter((e) => shown[from[e]] && shown[to[e]]);
      own.sort((a, b) => Math.abs(weight[a]) - Math.abs(weight[b]));
      for (const e of own) {
        line(over, e, 1);
        near.add(from[e]).add(to[e]);
      }
      for (const i of near) dot(over, i, 4);
      ring(focus, "#222", 7);
    }
    if (chosen >= 0 && chosen !== focus) ring(chosen, "#222", 7);
    if (cursor >= 0 && cursor !== focus) ring(cursor, "#888", 8);
    for (const id of view.pinned) ring(places.get(id), "#e69f00", 6);
    for (const [, ...ids] of view.supernodes) for (const id of ids) ring(places.get(id), "#cc79a7", 6);
  }

  function ring(i, color, radius) {
    over.strokeStyle = color;
    over.lineWidth = 2;
    over.beginPath();
    over.arc(nodes.X[i], nodes.Y[i], radius, 0, pi2);
    over.stroke();
  }

  function pointed(e) {
    const box = top.getBoundingClientRect(), x = e.clientX - box.left, y = e.clientY - box.top;
    let best = -1, distance = 10;
    for (let i = 0; i < n; i++) {
      const d = Math.hypot(nodes.X[i] - x, nodes.Y[i] - y);
      if (shown[i] && d < distance) [best, distance] = [i, d];
    }
    return best;
  }

  function say(i) {
    tip.hidden = i < 0;
    if (i < 0) return;
    tip.replaceChildren();
    for (const text of [title(i), ...(nodes.Numbers[i] || [])]) element(tip, "div", "", text).dir = "auto";
    tip.style.left = Math.max(map.scrollLeft, Math.min(data.Left + nodes.X[i] + 10, map.scrollLeft + map.clientWidth - tip.offsetWidth)) + "px";
    const below = data.Top + nodes.Y[i] + 10, room = data.Top + data.Height;
    tip.style.top = (below + tip.offsetHeight > room + 40 ? data.Top + nodes.Y[i] - 10 - tip.offsetHeight : below) + "px";
  }

  function hover(i) {
    if (i === hovered) return;
    hovered = i;
    top.style.cursor = i >= 0 ? "pointer" : "";
    say(i);
    drawOver();
  }

  function choose(i) {
    chosen = cursor = i;
    drawBase();
    panel();
  }

  // step goes to the next node in a direction: along the row, or to the nearest of another row.
  function step(dx, dy) {
    const seen = [...Array(n).keys()].filter((i) => shown[i]);
    if (!seen.length) return;
    if (cursor < 0) cursor = seen[seen.length - 1];
    else {
      const ahead = seen.filter((i) => i !== cursor && (dx ? nodes.Row[i] === nodes.Row[cursor] && (nodes.X[i] - nodes.X[cursor]) * dx > 0 : (nodes.Row[i] - nodes.Row[cursor]) * -dy > 0));
      const far = (i) => Math.abs(nodes.Row[i] - nodes.Row[cursor]) * 1e4 + Math.hypot(nodes.X[i] - nodes.X[cursor], nodes.Y[i] - nodes.Y[cursor]);
      if (ahead.length) cursor = ahead.reduce((a, b) => (far(a) <= far(b) ? a : b));
    }
    hovered = -1;
    hover(cursor);
  }

  top.addEventListener("pointermove", (e) => hover(pointed(e)));
  top.addEventListener("pointerleave", () => hover(-1));
  top.addEventListener("click", (e) => {
    const i = pointed(e);
    if (i >= 0 && (e.shiftKey || e.ctrlKey || e.metaKey)) pin(i);
    else choose(i === chosen ? -1 : i);
  });
  top.addEventListener("blur", () => hover(-1));
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  top.addEventListener("keydown", (e) => {
    if (arrows[e.key]) step(...arrows[e.key]);
    else if (e.key === "Enter" && cursor >= 0) choose(cursor);
    else if (e.key === " " && cursor >= 0) pin(cursor);
    else if (e.key === "Escape") choose(-1), hover(-1);
    else return;
    e.preventDefault();
    e.stopPropagation(); // JupyterLab would move to another cell
  });

  // The sliders.
  const sliders = element(root, "div", "gl-sliders");
  function slider(name, value, changed) {
    const box = element(sliders, "label", "", name + " "), input = element(box, "input");
    Object.assign(input, { type: "range", min: 0, max: 1, step: 0.001, value });
    input.addEventListener("input", () => {
      changed(Number(input.value));
      drawBase();
      keep();
    });
    input.addEventListener("keydown", (e) => e.stopPropagation());
    return [element(box, "span"), input];
  }
  const scale = Math.log(m + 1) || 1;
  const [saidNodes, nodeSlider] = slider("nodes, by influence", view.prune, (v) => (view.prune = v));
  const [saidLinks, linkSlider] = slider("links, by weight", Math.log(view.links + 1) / scale, (v) => (view.links = Math.round(Math.exp(v * scale) - 1)));

  function button(parent, text, pressed) {
    const b = element(parent, "button", "", text);
    b.type = "button";
    b.addEventListener("click", pressed);
    return b;
  }

  button(sliders, "export JSON", () => {
    const url = URL.createObjectURL(new Blob([JSON.stringify(exported(), null, 2)], { type: "application/json" }));
    const a = document.createElement("a");
    a.href = url;
    a.download = ((data.Document.metadata || {}).slug || "graph").replace(/[^\w.-]+/g, "_") + ".json";
    a.click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
  button(sliders, "forget changes", () => {
    view = given();
    try {
      localStorage.removeItem(key);
    } catch {
      // as above
    }
    nodeSlider.value = view.prune;
    linkSlider.value = Math.log(view.links + 1) / scale;
    all();
  });

  // exported is the document with the reader's changes.
  function exported() {
    const { nodes: raw, ...rest } = data.Document;
    return {
      ...rest,
      qParams: { ...rest.qParams, pinnedIds: [...new Set([...view.pinned, ...view.supernodes.flatMap(([, ...ids]) => ids)])], supernodes: view.supernodes,
        clickedId: chosen >= 0 ? nodes.Id[chosen] : "", pruningThreshold: view.prune },
      nodes: raw.map((node, i) => (Object.hasOwn(view.labels, nodes.Id[i]) ? { ...node, clerp: view.labels[nodes.Id[i]] } : node)),
      links: Array.from(weight, (w, e) => ({ source: nodes.Id[from[e]], target: nodes.Id[to[e]], weight: w })),
    };
  }

  // The panel of the chosen node.
  const board = element(root, "div", "gl-panel"), about = element(board, "div", "gl-card"), ins = element(board, "div", "gl-links"), outs = element(board, "div", "gl-links");
  about.setAttribute("aria-live", "polite");
  const cardTip = tipsIn(about);

  function links(box, name, edges, end) {
    box.replaceChildren();
    if (chosen < 0) return;
    const seen = [...edges].filter((e) => shown[end[e]]);
    let sum = 0;
    for (const e of edges) sum += Math.abs(weight[e]);
    element(box, "h3", "", name + ": " + seen.length + (seen.length < edges.length ? " of " + edges.length : "") + ", with their shares");
    for (const e of seen.slice(0, 200)) {
      const b = button(box, "", () => choose(end[e])), value = element(b, "b", "", write(Number(weight[e].toPrecision(3))));
      value.style.backgroundColor = weight[e] < 0 ? data.Down : data.Up;
      element(b, "i", "", (sum ? (100 * Math.abs(weight[e])) / sum : 0).toFixed(1) + " %");
      element(b, "bdi", "", title(end[e]));
      b.addEventListener("pointerenter", () => hover(end[e]));
      b.addEventListener("pointerleave", () => hover(-1));
    }
    if (seen.length > 200) element(box, "div", "", seen.length - 200 + " more");
  }

  function panel() {
    about.replaceChildren(cardTip);
    cardTip.hidden = true;
    links(ins, "inputs", chosen < 0 ? [] : inputs(chosen), from);
    links(outs, "outputs", chosen < 0 ? [] : outputs(chosen), to);
    if (chosen < 0) {
      element(about, "div", "", "Choose a node: click it, or move with the arrow keys and press Enter. Click with the shift key held to pin it.");
      return;
    }
    element(about, "h2", "", title(chosen)).dir = "auto";
    for (const text of nodes.Numbers[chosen] || []) element(about, "div", "", text);
    const tools = element(about, "div", "gl-tools"), id = nodes.Id[chosen], at = chosen;
    const name = field(tools, "name", label(chosen) || nodes.Label[chosen], (text) => {
      if (text.trim() === nodes.Label[at]) delete view.labels[id];
      else view.labels[id] = text.trim();
      all();
    });
    name.setAttribute("aria-label", "name of the node");
    button(tools, view.pinned.includes(id) ? "unpin" : "pin", () => pin(at)).disabled = !view.pinned.includes(id) && pinned(at);
    const one = data.Cards[nodes.Card[chosen]];
    if (!one) return;
    for (const fact of one.Facts || []) element(about, "div", "", fact).dir = "auto";
    card(about, data, one);
  }

  function field(parent, hint, value, changed) {
    const input = element(parent, "input");
    Object.assign(input, { type: "text", placeholder: hint, value, maxLength: 200 });
    input.addEventListener("change", () => changed(input.value));
    input.addEventListener("keydown", (e) => e.stopPropagation());
    return input;
  }

  // Pinned nodes and supernodes.
  function pin(i) {
    const id = nodes.Id[i];
    if (view.pinned.includes(id)) view.pinned = view.pinned.filter((other) => other !== id);
    else if (!pinned(i)) view.pinned.push(id);
    all();
  }

  const groups = element(root, "div", "gl-groups"), ticked = new Set();

  function all() {
    keep();
    drawBase();
    panel();
    drawGroups();
  }

  function drawGroups() {
    groups.replaceChildren();
    for (const id of ticked) if (!view.pinned.includes(id)) ticked.delete(id);
    if (!view.pinned.length && !view.supernodes.length) return;
    element(groups, "h3", "", "pinned nodes and supernodes");
    subgraph();
    view.supernodes.forEach((group, g) => {
      const box = element(groups, "div", "gl-group"), tools = element(box, "div", "gl-tools");
      field(tools, "name of the supernode", group[0], (text) => {
        group[0] = text.trim() || "supernode";
        all();
      });
      button(tools, "dissolve", () => {
        view.pinned.push(...group.slice(1));
        view.supernodes.splice(g, 1);
        all();
      });
      for (const id of group.slice(1)) member(box, id, () => {
        group.splice(group.indexOf(id, 1), 1);
        if (group.length < 2) view.supernodes.splice(g, 1);
        all();
      });
    });
    for (const id of view.pinned) {
      const row = member(groups, id, () => pin(places.get(id))), tick = document.createElement("input");
      tick.type = "checkbox";
      tick.checked = ticked.has(id);
      tick.setAttribute("aria-label", "into a supernode");
      tick.addEventListener("change", () => {
        if (tick.checked) ticked.add(id);
        else ticked.delete(id);
        join.disabled = !ticked.size;
      });
      row.prepend(tick);
    }
    const tools = element(groups, "div", "gl-tools");
    const join = button(tools, "group the ticked nodes", () => {
      const ids = view.pinned.filter((id) => ticked.has(id));
      view.pinned = view.pinned.filter((id) => !ticked.has(id));
      view.supernodes.push([name.value.trim() || "supernode " + (view.supernodes.length + 1), ...ids]);
      ticked.clear();
      all();
    });
    const name = field(tools, "name of the supernode", "", () => {});
    join.disabled = !ticked.size;
  }

  function member(parent, id, remove) {
    const row = element(parent, "div", "gl-member"), i = places.get(id);
    const chip = button(row, "", () => choose(i));
    chip.className = "gl-chip";
    element(chip, "bdi", "", title(i));
    button(row, "×", remove).setAttribute("aria-label", "take out");
    return row;
  }

  // subgraph draws supernodes and pinned nodes with the sums of the links between them.
  function subgraph() {
    const units = [...view.supernodes.map(([name, ...ids]) => ({ name, ids })), ...view.pinned.map((id) => ({ name: label(places.get(id)) || nodes.Label[places.get(id)] || title(places.get(id)), ids: [id] }))];
    const unitOf = new Map();
    units.forEach((unit, u) => {
      const own = unit.ids.map((id) => places.get(id));
      unit.row = own.reduce((sum, i) => sum + nodes.Row[i], 0) / own.length;
      unit.x = own.reduce((sum, i) => sum + nodes.X[i], 0) / own.length;
      for (const i of own) unitOf.set(i, u);
    });
    const sums = new Map();
    for (const u of unitOf.keys())
      for (const e of inputs(u)) {
        const a = unitOf.get(from[e]), b = unitOf.get(to[e]);
        if (a !== undefined && a !== b) sums.set(a + " " + b, (sums.get(a + " " + b) || 0) + weight[e]);
      }
    const w = 150, h = 26, levels = [...new Set(units.map((u) => Math.round(u.row)))].sort((a, b) => b - a);
    let widest = 1;
    levels.forEach((level, k) => {
      const row = units.filter((u) => Math.round(u.row) === level).sort((a, b) => a.x - b.x);
      row.forEach((u, place) => ((u.left = 8 + place * (w + 24)), (u.top = 8 + k * 60)));
      widest = Math.max(widest, row.length);
    });
    const ns = "http://www.w3.org/2000/svg";
    const make = (parent, tag, attributes, text) => {
      const e = parent.appendChild(document.createElementNS(ns, tag));
      for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
      if (text !== undefined) e.textContent = text;
      return e;
    };
    const width = widest * (w + 24), height = levels.length * 60;
    const svg = make(groups, "svg", { class: "gl-sub", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": "supernodes and the links between them" });
    const most = Math.max(...[...sums.values()].map(Math.abs), 1e-12);
    for (const [pair, sum] of sums) {
      const [a, b] = pair.split(" ").map((u) => units[u]);
      const rises = a.top > b.top; // else they are side by side
      const link = make(svg, "line", { x1: a.left + w / 2, y1: a.top + (rises ? 0 : h / 2), x2: b.left + w / 2, y2: b.top + (rises ? h : h / 2), stroke: sum < 0 ? data.Down : data.Up, "stroke-width": 0.8 + (4 * Math.abs(sum)) / most });
      make(link, "title", {}, a.name + " → " + b.name + ": " + write(Number(sum.toPrecision(3))));
    }
    for (const u of units) {
      const box = make(svg, "g", {});
      make(box, "rect", { x: u.left, y: u.top, width: w, height: h, rx: 4, fill: u.ids.length > 1 ? "#f6dcea" : "#fbe8c4", stroke: "#8888" });
      make(box, "text", { x: u.left + w / 2, y: u.top + 17, "text-anchor": "middle" }, u.name.length > 23 ? [...u.name].slice(0, 22).join("") + "…" : u.name);
      make(box, "title", {}, u.name + (u.ids.length > 1 ? ": " + u.ids.map((id) => title(places.get(id))).join(", ") : ""));
    }
  }

  all();
}

document.querySelectorAll(".gl-attribution:not([data-live])").forEach(start);
