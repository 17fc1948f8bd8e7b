// Makes an attention view answer the pointer and the keyboard: thumbnails
// preview a head and a click holds it; cells tell their value; tokens show
// where they look, or who looks at them. The picture of the first head is
// already there, see attention.go; the others are painted over it.
(() => {
  "use strict";

  function element(parent, tag, className, text) {
    const e = parent.appendChild(document.createElement(tag));
    if (className) e.className = className;
    if (text !== undefined) e.textContent = text;
    return e;
  }

  const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

  // linear and ink follow color.go: white or black, whichever reads better.
  const linear = (u) => (u / 255 <= 0.04045 ? u / 255 / 12.92 : ((u / 255 + 0.055) / 1.055) ** 2.4);
  const ink = ([r, g, b]) => (0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) < 0.179 ? "#ffffff" : "#000000");

  function start(root) {
    const source = root.querySelector("script[type='application/json']");
    if (!source) return; // left by a notebook that was not trusted
    root.dataset.live = "yes";
    const data = JSON.parse(source.textContent);
    const stops = data.Stops.map(channels);
    const n = data.Tokens.length;
    const big = root.querySelector(".gl-big"), map = big.querySelector("img");
    const said = root.querySelector(".gl-said"), spans = [...root.querySelectorAll(".gl-text > span")];
    const thumbs = [...root.querySelectorAll(".gl-heads button")];
    let shown = 0, heldHead = 0; // heads
    let token = n - 1, heldToken = -1, inward = false;
    let cell = null, heldCell = false;

    const value = (head, q, k) => data.Values[(head * n + q) * n + k];
    const write = (v) => (typeof v === "number" ? String(Number(v.toPrecision(data.Digits))).replace("-", "−") : v);

    // part follows scale.go: of numbers whose difference overflows, the halves.
    function part(v) {
      const half = Number.isFinite(data.High - data.Low) && Number.isFinite(v - data.Low) ? 1 : 0.5;
      return (v * half - data.Low * half) / (data.High * half - data.Low * half);
    }

    function color(v) {
      if (typeof v !== "number") return channels(data.Odd[v]);
      const t = Math.min(Math.max(part(v), 0), 1) * (stops.length - 1);
      const i = Math.min(Math.floor(t), stops.length - 2);
      return stops[i].map((c, j) => Math.round(c + (stops[i + 1][j] - c) * (t - i)));
    }

    // The canvas lies over the picture's cells, one pixel a cell.
    const canvas = element(big, "canvas");
    canvas.width = canvas.height = n;
    canvas.setAttribute("aria-hidden", "true");
    const cursor = element(big, "div", "gl-cursor"), tip = element(big, "div", "gl-tip");
    cursor.hidden = tip.hidden = true;
    tip.setAttribute("role", "status");
    map.tabIndex = 0;

    const scale = () => map.getBoundingClientRect().width / data.Width;

    function place(e, x, y, w, h) {
      const k = scale();
      Object.assign(e.style, { position: "absolute", left: map.offsetLeft + x * k + "px", top: map.offsetTop + y * k + "px", width: w * k + "px", height: h * k + "px" });
    }

    function paint() {
      const image = canvas.getContext("2d").createImageData(n, n);
      for (let i = 0; i < n * n; i++) image.data.set([...color(data.Values[shown * n * n + i]), 255], 4 * i);
      canvas.getContext("2d").putImageData(image, 0, 0);
      canvas.style.imageRendering = "pixelated";
      canvas.style.pointerEvents = "none";
      place(canvas, data.X, data.Y, data.W, data.H);
    }

    function paintTokens() {
      const head = data.Heads.length ? data.Heads[shown] + ": " : "";
      said.firstChild.textContent = head + (inward ? "who looks at " : "where ") + data.Tokens[token] + (inward ? "" : " looks");
      spans.forEach((span, k) => {
        const v = inward ? value(shown, k, token) : value(shown, token, k), c = color(v);
        span.style.backgroundColor = `rgb(${c})`;
        span.style.color = ink(c);
        span.title = write(v);
        span.classList.toggle("gl-held", k === token);
      });
    }

    function showHead(head) {
      shown = head;
      thumbs.forEach((b, i) => b.setAttribute("aria-pressed", i === heldHead));
      paint();
      paintTokens();
      showCell(cell);
    }

    function showCell(c) {
      cell = c;
      tip.hidden = cursor.hidden = !c;
      if (!c) return;
      tip.replaceChildren();
      const lines = [data.Query + ": " + data.Tokens[c.q], data.Key + ": " + data.Tokens[c.k], data.Unit + ": " + write(value(shown, c.q, c.k))];
      for (const line of data.Heads.length ? [data.Heads[shown], ...lines] : lines) element(tip, "div", "", line).dir = "auto";
      const w = data.W / n, h = data.H / n;
      place(cursor, data.X + c.k * w, data.Y + c.q * h, w, h);
      tip.style.left = map.offsetLeft + (data.X + (c.k + 1) * w) * scale() + 8 + "px";
      tip.style.top = map.offsetTop + (data.Y + (c.q + 1) * h) * scale() + 6 + "px";
    }

    function pointed(e) {
      const r = map.getBoundingClientRect(), k = scale();
      const column = Math.floor(((e.clientX - r.left) / k - data.X) / data.W * n);
      const row = Math.floor(((e.clientY - r.top) / k - data.Y) / data.H * n);
      return column >= 0 && row >= 0 && column < n && row < n ? { q: row, k: column } : null;
    }

    function stepCell(e) {
      const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key];
      if (e.key === "Escape") {
        heldCell = false;
        showCell(null);
      } else if (move) {
        const c = cell || { q: 0, k: 0 };
        showCell(cell ? { q: (c.q + move[0] + n) % n, k: (c.k + move[1] + n) % n } : c);
      } else {
        return;
      }
      e.preventDefault();
      e.stopPropagation(); // JupyterLab would move to another cell
    }

    function showToken(k) {
      token = k;
      paintTokens();
    }

    function tokenKey(e, k) {
      const next = { ArrowRight: k + 1, ArrowLeft: k - 1, Home: 0, End: n - 1 }[e.key];
      if (e.key === "Enter" || e.key === " ") {
        heldToken = heldToken === k ? -1 : k;
      } else if (spans[next]) {
        spans[k].tabIndex = -1;
        spans[next].tabIndex = 0;
        spans[next].focus();
      } else {
        return;
      }
      e.preventDefault();
      e.stopPropagation();
    }

    map.addEventListener("pointermove", (e) => heldCell || showCell(pointed(e)));
    map.addEventListener("pointerleave", () => heldCell || showCell(null));
    map.addEventListener("click", (e) => {
      const c = pointed(e);
      heldCell = Boolean(c) && !(heldCell && cell && c.q === cell.q && c.k === cell.k);
      showCell(c);
    });
    map.addEventListener("keydown", stepCell);
    map.addEventListener("blur", () => heldCell || showCell(null));

    thumbs.forEach((b, i) => {
      b.addEventListener("pointerenter", () => showHead(i));
      b.addEventListener("focus", () => showHead(i));
      b.addEventListener("pointerleave", () => showHead(heldHead));
      b.addEventListener("blur", () => showHead(heldHead));
      b.addEventListener("click", () => {
        heldHead = i;
        showHead(i);
      });
    });

    spans.forEach((span, k) => {
      span.tabIndex = k === n - 1 ? 0 : -1;
      span.addEventListener("pointerenter", () => heldToken >= 0 || showToken(k));
      span.addEventListener("focus", () => heldToken >= 0 || showToken(k));
      span.addEventListener("click", () => {
        heldToken = heldToken === k ? -1 : k;
        showToken(k);
      });
      span.addEventListener("keydown", (e) => tokenKey(e, k));
    });

    // The line above the tokens gets a button for the other direction.
    said.replaceChildren(document.createElement("span"));
    const turn = element(said, "button", "", "who looks at it");
    turn.type = "button";
    turn.style.marginLeft = "8px";
    turn.setAttribute("aria-pressed", "false");
    turn.addEventListener("click", () => {
      inward = !inward;
      turn.setAttribute("aria-pressed", inward);
      paintTokens();
    });
    showHead(0);
    new ResizeObserver(paint).observe(map); // the picture shrinks with the page
  }

  document.querySelectorAll(".gl-attention:not([data-live])").forEach(start);
})();
