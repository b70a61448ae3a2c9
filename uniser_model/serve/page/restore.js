// Removing and adding with a checkpoint where the brush painted.
import { compared, upload, work } from "./api.js";
import { Brush } from "./brush.js";
import { offerIn } from "./synthesise.js";

const $ = (id) => document.getElementById(id);
const panel = $("panel-restore"), figure = panel.querySelector("figure");
const OWN = "own words …", ANY = "whatever is there";
let busy, photo = null, brush = null, ready = false;

export function start(state, run) {
  busy = run;
  ready = state.checkpoints.length > 0;
  for (const name of state.checkpoints) $("checkpoint").append(new Option(name, name));
  if (!ready) $("checkpoint").append(new Option("none: start with --checkpoint DIR", ""));
  $("checkpoint").disabled = !ready;
  const common = ["haze", "flare", "shadow", "reflection"];
  for (const name of [ANY, ...new Set([...common, ...state.effects]), OWN]) $("restore-effect").append(new Option(name, name));
  $("restore-effect").value = "haze";
  $("restore-effect").addEventListener("change", settle);
  for (const radio of document.getElementsByName("task")) radio.addEventListener("change", settle);
  $("strength").addEventListener("input", () => { $("strength-value").value = Math.round($("strength").value * 100) + " %"; });
  $("go").addEventListener("click", go);
  $("show-paint").addEventListener("click", () => compare(false));
  $("show-compare").addEventListener("click", () => compare(true));
  brush = new Brush(() => {});
  settle();
}

const task = () => document.querySelector("input[name=task]:checked").value;

function settle() {
  const add = task() === "add", choice = $("restore-effect");
  $("go").textContent = add ? "Add" : "Remove";
  // Nothing can be added that is not named.
  choice.options[0].disabled = add;
  if (add && choice.value === ANY) choice.value = "haze";
  $("prompt-line").hidden = choice.value !== OWN;
  $("prompt").placeholder = add ? "Add haze." : "Remove haze.";
}

export function forget() { photo = null; offerIn($("restore-files"), null); }

export function see(found) {
  if (photo === found) return;
  photo = found;
  const view = $("canvas-photo");
  view.onload = () => brush.begin(view.naturalWidth, view.naturalHeight);
  view.src = found.files["view.jpg"];
  panel.querySelector(".empty").hidden = true;
  panel.querySelector(".views").hidden = false;
  $("show-compare").disabled = true;
  $("go").disabled = !ready;
  compare(false);
}

function compare(on) {
  $("easel").hidden = on;
  figure.hidden = !on;
  $("show-paint").setAttribute("aria-pressed", String(!on));
  $("show-compare").setAttribute("aria-pressed", String(on));
}

async function go() {
  const of = photo, effect = $("restore-effect").value, own = effect === OWN ? $("prompt").value.trim() : "";
  $("go").disabled = true;
  offerIn($("restore-files"), null);
  const made = await busy(task() === "add" ? "Adding" : "Removing", async (tell, signal) => {
    if (effect === OWN && !own) throw new Error("Write what to do, for instance: Remove the haze.");
    const painted = await brush.png();
    const mask = painted && (await upload(painted, () => {})).id;
    const prompt = own || (effect === ANY ? "Remove effects." : null);
    const wish = { picture: of.id, mask, checkpoint: $("checkpoint").value, task: task(), effect: effect === OWN || effect === ANY ? "haze" : effect, prompt, strength: Number($("strength").value), seed: Number($("restore-seed").value) || 0 };
    const result = await work("/api/restoration", wish, tell, signal);
    if (photo === of) await compared(figure, result);
    return result;
  });
  $("go").disabled = !ready || !photo;
  if (!made || photo !== of) return;
  $("show-compare").disabled = false;
  compare(true);
  const ending = made.result.slice(made.result.lastIndexOf("."));
  const name = of.stem + "-" + (task() === "add" ? "added" : "restored") + ending;
  offerIn($("restore-files"), [[made.files[made.result], name, "Result (" + ending.slice(1).toUpperCase() + ", " + made.width + " × " + made.height + ")"]]);
}
