// Makes a graph answer the pointer and the keyboard: a node shows its edges alone and lists them, a
// click holds it. The picture is already there, see circuit_html.go; this draws it again over it,
// element by element.
(() => {
  "use strict";

  const space = "http://www.w3.org/2000/svg";

  function drawn(parent, tag, attributes, text) {
    const e = parent.appendChild(document.createElementNS(space, tag));
    for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
    if (text !== undefined) e.textContent = text;
    return e;
  }

  function start(root) {
    const source = root.querySelector("script[type='application/json']");
    if (!source) return; // left by a notebook that was not trusted
    root.dataset.live = "yes";
    const data = JSON.parse(source.textContent), picture = root.querySelector("img");
    const svg = drawn(root, "svg", { viewBox: `0 0 ${data.Width} ${data.Height}`, tabindex: 0, role: "group", "aria-label": picture.alt });
    Object.assign(svg.style, { position: "absolute", left: picture.offsetLeft + "px", top: picture.offsetTop + "px", width: picture.clientWidth + "px", height: picture.clientHeight + "px" });
    const veil = drawn(svg, "rect", { width: data.Width, height: data.Height, fill: "#ffffff", "fill-opacity": 0.85, visibility: "hidden" });
    const ways = data.Edges.map((e) => drawn(svg, "path", { d: e.Way, fill: "none", stroke: e.Color, "stroke-width": e.Width, visibility: "hidden", "pointer-events": "none" }));
    const nodes = data.Nodes.map((n, i) => {
      const g = drawn(svg, "g", { "data-node": i });
      drawn(g, "rect", { x: n.X, y: n.Y, width: n.W, height: n.H, fill: "#ffffff", "fill-opacity": 0, stroke: "none", "stroke-width": 2 });
      drawn(g, "text", { x: n.X + n.W / 2, y: n.Y + n.H * 0.74, "text-anchor": "middle", "font-size": 10, fill: "#333333", visibility: "hidden" }, n.Name);
      return g;
    });
    const tip = root.appendChild(document.createElement("div"));
    tip.className = "gl-tip";
    tip.setAttribute("role", "status");
    tip.hidden = true;
    let shown = -1, held = -1; // nodes

    function show(node) {
      shown = node;
      const on = node >= 0, near = new Set([node]);
      veil.setAttribute("visibility", on ? "visible" : "hidden");
      data.Edges.forEach((e, i) => {
        const mine = e.From === node || e.To === node;
        if (mine) near.add(e.From).add(e.To);
        ways[i].setAttribute("visibility", mine ? "visible" : "hidden");
      });
      nodes.forEach((g, i) => {
        const [box, name] = g.children, mine = on && near.has(i);
        box.setAttribute("fill-opacity", mine ? 1 : 0);
        box.setAttribute("stroke", mine ? (i === node ? "#e69f00" : "#666666") : "none");
        name.setAttribute("visibility", mine ? "visible" : "hidden");
      });
      tip.hidden = !on;
      if (!on) return;
      const n = data.Nodes[node], scale = picture.clientWidth / data.Width;
      tip.replaceChildren(...n.Tip.map((line) => Object.assign(document.createElement("div"), { textContent: line, dir: "auto" })));
      tip.style.left = Math.max(0, Math.min(picture.offsetLeft + (n.X + n.W + 8) * scale, root.clientWidth - tip.offsetWidth)) + "px";
      tip.style.top = picture.offsetTop + (n.Y + n.H + 6) * scale + "px";
    }

    function hold(node) {
      held = held === node ? -1 : node;
      show(held);
    }

    const nodeOf = (e) => {
      const g = e.target.closest("g[data-node]");
      return g ? Number(g.dataset.node) : -1;
    };
    svg.addEventListener("pointerover", (e) => held < 0 && show(nodeOf(e)));
    svg.addEventListener("pointerleave", () => held < 0 && show(-1));
    svg.addEventListener("click", (e) => hold(nodeOf(e)));
    svg.addEventListener("blur", () => held < 0 && show(-1));

    // nextRow is the node of the nearest other row, above or below, that stands nearest.
    function nextRow(node, up) {
      const from = data.Nodes[node], beyond = data.Nodes.filter((n) => (up ? n.Y < from.Y : n.Y > from.Y));
      if (!beyond.length) return node;
      const y = up ? Math.max(...beyond.map((n) => n.Y)) : Math.min(...beyond.map((n) => n.Y));
      const row = beyond.filter((n) => n.Y === y);
      row.sort((a, b) => Math.abs(a.X - from.X) - Math.abs(b.X - from.X));
      return data.Nodes.indexOf(row[0]);
    }

    svg.addEventListener("keydown", (e) => {
      const now = Math.max(shown, 0), count = data.Nodes.length;
      if (e.key === "Escape") {
        held = -1;
        show(-1);
      } else if (e.key === "Enter" || e.key === " ") hold(now);
      else if (e.key === "ArrowRight" || e.key === "ArrowLeft") {
        held = -1;
        show(shown < 0 ? 0 : (now + (e.key === "ArrowRight" ? 1 : count - 1)) % count);
      } else if (e.key === "ArrowUp" || e.key === "ArrowDown") {
        held = -1;
        show(shown < 0 ? 0 : nextRow(now, e.key === "ArrowUp"));
      } else return;
      e.preventDefault();
      e.stopPropagation(); // JupyterLab would move to another cell
    });
  }

  document.querySelectorAll(".gl-circuit:not([data-live])").forEach(start);
})();
