// An effect on the photo: drawn by a seed, changed by sliders, shown at once, made at full size when asked.
import { compared, work } from "./api.js";
import { Form } from "./form.js";

const $ = (id) => document.getElementById(id);
const panel = $("panel-synthesise"), figure = panel.querySelector("figure");
const WAIT_MS = 250;
let effects = null, busy, photo = null, form = null, timer = 0, running = false, again = false;

export function start(state, run) {
  busy = run;
  for (const name of state.effects) $("effect").append(new Option(name, name));
  if (state.effects.includes("haze")) $("effect").value = "haze";
  $("effect").addEventListener("change", fresh);
  $("seed").addEventListener("change", fresh);
  $("draw").addEventListener("click", () => { $("seed").value = crypto.getRandomValues(new Uint32Array(1))[0] % 1000000; fresh(); });
  $("reset").addEventListener("click", fresh);
  $("find").addEventListener("input", () => form?.filter($("find").value));
  $("params").addEventListener("submit", (event) => event.preventDefault());
  $("make-pair").addEventListener("click", makePair);
}

export function forget() { photo = null; form = null; $("params").replaceChildren(); offer(null); $("make-pair").disabled = true; }

export async function see(found) {
  if (photo === found) return;
  photo = found;
  effects ??= (await busy("Loading the effects", (tell, signal) => work("/api/effects", {}, tell, signal)))?.effects ?? null;
  if (effects) fresh();
}

// Another effect, seed or photo: what was changed by hand is of another draw.
function fresh() { form = null; preview(); }

// A slider that moves asks at most once after it rests; while one picture is made the latest wish waits.
function later() { clearTimeout(timer); timer = setTimeout(preview, WAIT_MS); }

const asked = (what) => ({ do: what, picture: photo.id, effect: $("effect").value, seed: Number($("seed").value) || 0, changes: form?.changes() ?? {} });

async function preview() {
  clearTimeout(timer);
  if (!photo || !effects) return;
  if (running) { again = true; return; }
  running = true;
  offer(null);
  const wish = asked("preview"), of = photo;
  const made = await busy("Making the preview", async (tell, signal) => {
    const result = await work("/api/synthesis", wish, tell, signal);
    if (photo === of) await compared(figure, result);
    return result;
  });
  running = false;
  if (made && photo === of) showPreview(wish, made);
  if (again) { again = false; preview(); }
}

function showPreview(wish, made) {
  figure.hidden = false;
  panel.querySelector(".empty").hidden = true;
  const strength = made.psnr_db === null ? "no change" : made.psnr_db.toFixed(1) + " dB";
  $("synth-caption").textContent = wish.effect + (made.params.variant && made.params.variant !== wish.effect ? ", " + made.params.variant : "") + ", seed " + wish.seed + " · " + strength + " · preview " + made.width + " × " + made.height;
  $("make-pair").disabled = false;
  if (!form && wish.effect === $("effect").value) {
    const known = effects.find((e) => e.name === wish.effect);
    form = new Form($("params"), known.schema, made.params, () => { $("reset").disabled = false; later(); });
    form.filter($("find").value);
    $("reset").disabled = true;
  }
}

async function makePair() {
  const wish = asked("pair"), of = photo;
  const made = await busy("Making the pair", (tell, signal) => work("/api/synthesis", wish, tell, signal));
  if (!made || photo !== of) return;
  const name = of.stem + "-" + wish.effect + "-" + wish.seed;
  offer([
    [made.files["input.png"], name + ".png", "With the effect (PNG, " + made.width + " × " + made.height + ")"],
    [made.files["target.png"], name + "-clean.png", "Clean (PNG)"],
    [made.files["params.json"], name + ".json", "Parameters (JSON)"],
  ]);
}

function offer(files) { offerIn($("pair-files"), files); }

export function offerIn(list, files) {
  list.hidden = !files;
  list.replaceChildren(...(files ?? []).map(([href, name, text]) => {
    const link = Object.assign(document.createElement("a"), { href, download: name, textContent: "Download: " + text });
    const item = document.createElement("li");
    item.append(link);
    return item;
  }));
  if (files) list.querySelector("a").focus({ preventScroll: false });
}
