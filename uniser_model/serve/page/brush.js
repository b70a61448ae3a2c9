// A mask painted over the photo, by pointer or by keys. The mask is grey: 0 untouched, 255 wholly.
const $ = (id) => document.getElementById(id);
const LONG_PX = 1024, UNDO_STEPS = 20, TINT = [255, 45, 120], COVER = 0.55;

export class Brush {
  constructor(changed) {
    this.changed = changed;
    this.screen = $("mask");
    this.ring = $("ring");
    this.painting = this.erasing = false;
    this.mask = document.createElement("canvas");
    this.ink = this.mask.getContext("2d", { willReadFrequently: true });
    this.glass = this.screen.getContext("2d");
    for (const name of ["size", "soft"]) $(name).addEventListener("input", () => { $(name + "-value").value = $(name).value + " %"; this.aim(this.x, this.y); });
    $("erase").addEventListener("click", () => this.erase(!this.erasing));
    $("undo").addEventListener("click", () => this.undo());
    $("soften").addEventListener("click", () => this.whole((grey) => this.blurred(grey)));
    $("invert").addEventListener("click", () => this.whole((grey) => grey.map((v) => 255 - v)));
    $("clear").addEventListener("click", () => this.whole((grey) => grey.fill(0)));
    this.screen.addEventListener("pointerdown", (event) => this.down(event));
    this.screen.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) this.screen.addEventListener(name, () => this.up());
    this.screen.addEventListener("pointerleave", () => { if (!this.painting && document.activeElement !== this.screen) this.ring.hidden = true; });
    this.screen.addEventListener("focus", () => { this.ring.hidden = false; this.aim(this.x, this.y); });
    this.screen.addEventListener("blur", () => { this.ring.hidden = true; this.up(); });
    this.screen.addEventListener("keydown", (event) => this.key(event));
    this.screen.addEventListener("keyup", (event) => { if (event.key === " ") this.up(); });
    new ResizeObserver(() => this.aim(this.x, this.y)).observe(this.screen);
  }

  // A fresh mask for a photo of this shape.
  begin(width, height) {
    const scale = Math.min(1, LONG_PX / Math.max(width, height));
    for (const canvas of [this.mask, this.screen]) { canvas.width = Math.max(1, Math.round(width * scale)); canvas.height = Math.max(1, Math.round(height * scale)); }
    this.history = [];
    this.ink.fillStyle = "#000";
    this.ink.fillRect(0, 0, this.mask.width, this.mask.height);
    this.x = this.mask.width / 2;
    this.y = this.mask.height / 2;
    this.show();
    this.said();
  }

  get radius() { return (Math.max(this.mask.width, this.mask.height) * Number($("size").value)) / 200; }

  // Lighter wins while painting, darker while erasing: strokes that cross do not add up.
  dab(x, y) {
    const r = this.radius, edge = Math.min(0.999, 1 - Number($("soft").value) / 100), colour = this.ink.createRadialGradient(x, y, r * edge, x, y, r);
    colour.addColorStop(0, this.erasing ? "#000" : "#fff");
    colour.addColorStop(1, this.erasing ? "#fff" : "#000");
    this.ink.globalCompositeOperation = this.erasing ? "darken" : "lighten";
    this.ink.fillStyle = colour;
    this.ink.beginPath();
    this.ink.arc(x, y, r, 0, 2 * Math.PI);
    this.ink.fill();
    this.ink.globalCompositeOperation = "source-over";
  }

  stroke(x, y) {
    const dx = x - this.x, dy = y - this.y, steps = Math.max(1, Math.ceil(Math.hypot(dx, dy) / Math.max(1, this.radius / 5)));
    for (let i = 1; i <= steps; i++) this.dab(this.x + (dx * i) / steps, this.y + (dy * i) / steps);
    const r = this.radius + 2, left = Math.min(this.x, x) - r, top = Math.min(this.y, y) - r;
    this.show(left, top, Math.abs(dx) + 2 * r, Math.abs(dy) + 2 * r);
  }

  show(left = 0, top = 0, width = this.mask.width, height = this.mask.height) {
    const x = Math.max(0, Math.floor(left)), y = Math.max(0, Math.floor(top));
    const w = Math.min(this.mask.width - x, Math.ceil(left + width) - x), h = Math.min(this.mask.height - y, Math.ceil(top + height) - y);
    if (w < 1 || h < 1) return;
    const pixels = this.ink.getImageData(x, y, w, h), data = pixels.data;
    for (let i = 0; i < data.length; i += 4) { data[i + 3] = data[i] * COVER; [data[i], data[i + 1], data[i + 2]] = TINT; }
    this.glass.putImageData(pixels, x, y);
  }

  grey() {
    const data = this.ink.getImageData(0, 0, this.mask.width, this.mask.height).data, grey = new Uint8ClampedArray(data.length / 4);
    for (let i = 0; i < grey.length; i++) grey[i] = data[4 * i];
    return grey;
  }
  setGrey(grey) {
    const pixels = this.ink.createImageData(this.mask.width, this.mask.height);
    for (let i = 0; i < grey.length; i++) { pixels.data.fill(grey[i], 4 * i, 4 * i + 3); pixels.data[4 * i + 3] = 255; }
    this.ink.putImageData(pixels, 0, 0);
    this.show();
    this.said();
  }
  remember() { this.history.push(this.grey()); if (this.history.length > UNDO_STEPS) this.history.shift(); $("undo").disabled = false; }
  undo() { if (this.history?.length) this.setGrey(this.history.pop()); $("undo").disabled = !this.history?.length; }
  whole(change) { if (!this.history) return; this.remember(); this.setGrey(change(this.grey())); }
  // Two passes of a moving mean, as wide as the brush's tenth.
  blurred(grey) {
    const w = this.mask.width, h = this.mask.height, r = Math.max(1, Math.round(this.radius / 5));
    const pass = (from, count, length, at) => {
      const to = new Float32Array(from.length);
      for (let line = 0; line < count; line++) {
        const get = (i) => from[at(line, Math.min(length - 1, Math.max(0, i)))];
        let sum = 0;
        for (let i = -r; i <= r; i++) sum += get(i);
        for (let i = 0; i < length; i++) { to[at(line, i)] = sum / (2 * r + 1); sum += get(i + r + 1) - get(i - r); }
      }
      return to;
    };
    let soft = Float32Array.from(grey);
    for (let twice = 0; twice < 2; twice++) soft = pass(pass(soft, h, w, (l, i) => l * w + i), w, h, (l, i) => i * w + l);
    return soft;
  }

  said() {
    const grey = this.grey(), share = grey.reduce((sum, v) => sum + v, 0) / 255 / grey.length;
    this.empty = !grey.some((v) => v > 0);
    $("mask-said").textContent = this.empty ? "Nothing painted: the whole picture." : Math.max(0.1, 100 * share).toFixed(share < 0.1 ? 1 : 0) + " % of the picture is painted.";
    $("undo").disabled = !this.history.length;
    this.changed();
  }
  // The mask as a PNG; null where nothing is painted.
  png() { return this.empty ? Promise.resolve(null) : new Promise((done) => this.mask.toBlob(done, "image/png")); }

  erase(on) { this.erasing = on; $("erase").setAttribute("aria-pressed", String(on)); this.ring.classList.toggle("erasing", on); }
  place(event) {
    const box = this.screen.getBoundingClientRect();
    return [((event.clientX - box.left) * this.mask.width) / box.width, ((event.clientY - box.top) * this.mask.height) / box.height];
  }
  aim(x, y) {
    if (x === undefined) return;
    this.x = Math.min(this.mask.width, Math.max(0, x));
    this.y = Math.min(this.mask.height, Math.max(0, y));
    const scale = this.screen.clientWidth / this.mask.width;
    Object.assign(this.ring.style, { left: this.x * scale + "px", top: this.y * scale + "px", width: 2 * this.radius * scale + "px", height: 2 * this.radius * scale + "px" });
  }
  begun() { if (!this.painting) { this.remember(); this.painting = true; } }
  down(event) {
    if (event.button || !this.history) return;
    this.screen.setPointerCapture(event.pointerId);
    this.begun();
    this.aim(...this.place(event));
    this.stroke(this.x, this.y);
  }
  move(event) {
    this.ring.hidden = false;
    const [x, y] = this.place(event);
    if (this.painting && event.buttons) this.stroke(x, y);
    this.aim(x, y);
  }
  up() { if (this.painting) { this.painting = false; this.said(); } }
  key(event) {
    const step = Math.max(2, this.radius / 2) * (event.shiftKey ? 4 : 1), way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      const x = Math.min(this.mask.width, Math.max(0, this.x + way[0] * step)), y = Math.min(this.mask.height, Math.max(0, this.y + way[1] * step));
      if (this.painting) this.stroke(x, y);
      this.aim(x, y);
    } else if (event.key === " ") { this.begun(); this.stroke(this.x, this.y); }
    else if (event.key === "e" || event.key === "E") this.erase(!this.erasing);
    else if (event.key === "[" || event.key === "]") { $("size").value = Number($("size").value) + (event.key === "]" ? 1 : -1); $("size").dispatchEvent(new Event("input")); }
    else if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
  }
}
