// Tabs, the photo, and the one line that says what is going on.
import { ask, upload } from "./api.js";
import * as restore from "./restore.js";
import * as synthesise from "./synthesise.js";

const $ = (id) => document.getElementById(id);
const panels = { synthesise, restore };
const state = await ask("GET", "/api/state").catch((error) => { fault(error.message); throw error; });
let shown = "synthesise", photo = null, stopped = null;

// --- what is going on

let ticking = 0;
export async function busy(label, run) {
  const control = new AbortController(), began = performance.now();
  let said = label;
  const write = () => { const s = Math.round((performance.now() - began) / 1000); $("said").textContent = said + " … " + (s > 1 ? s + " s" : "") + (s > 8 ? " (an effect's first picture takes longest)" : ""); };
  fault("");
  $("progress").removeAttribute("value");
  $("status").hidden = false;
  stopped = control;
  clearInterval(ticking);
  ticking = setInterval(write, 500);
  write();
  const tell = (stage) => { if (stage) { said = stage; write(); } };
  tell.share = (part) => { $("progress").value = part; };
  try { return await run(tell, control.signal); }
  catch (error) { if (!control.signal.aborted) fault(error.message); return null; }
  finally { if (stopped === control) { clearInterval(ticking); $("status").hidden = true; stopped = null; } }
}
function fault(text) { $("fault").hidden = !text; $("fault-text").textContent = text; }
$("cancel").addEventListener("click", () => stopped?.abort());
$("fault-close").addEventListener("click", () => fault(""));

// --- the photo

async function choose(file) {
  if (!file) return;
  if (file.size > state.limits.upload_bytes) return fault(file.name + " has " + (file.size / 1e6).toFixed(1) + " MB: at most " + state.limits.upload_bytes / 1e6 + " MB can be used here.");
  const found = await busy("Uploading", (tell) => upload(file, (part) => { tell.share(part); if (part === 1) tell("Reading the photo"); }));
  if (!found) return;
  photo = { ...found, stem: file.name.replace(/\.[^.]*$/, "") || "photo" };
  $("photo-name").textContent = file.name + " · " + found.width + " × " + found.height;
  for (const panel of Object.values(panels)) panel.forget();
  panels[shown].see(photo);
}
$("file").addEventListener("change", () => { choose($("file").files[0]); $("file").value = ""; });
const drop = $("drop");
for (const name of ["dragover", "dragleave", "drop"])
  document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.toggle("over", name === "dragover"); if (name === "drop") choose(event.dataTransfer.files[0]); });
document.addEventListener("paste", (event) => choose([...(event.clipboardData?.files ?? [])][0]));

// --- tabs: arrow keys go from one to the next

const tabs = [...document.querySelectorAll("[role=tab]")];
function show(tab) {
  shown = tab.id.replace("tab-", "");
  for (const other of tabs) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = other !== tab;
  }
  if (photo) panels[shown].see(photo);
}
for (const tab of tabs) {
  tab.addEventListener("click", () => show(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    next.focus();
    show(next);
  });
}

restore.start(state, busy);
synthesise.start(state, busy);

// Effects and checkpoints are known, and everything listens.
document.body.setAttribute("aria-busy", "false");
