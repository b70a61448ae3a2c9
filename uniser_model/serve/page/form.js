// Controls made from the JSON schema of an effect's parameters, filled with what was drawn.
const UNITS = [["_per_mm2", "/mm²"], ["_per_m3", "/m³"], ["_per_mm", "/mm"], ["_per_m", "/m"], ["_mm_h", "mm/h"], ["_m_s", "m/s"], ["_mps", "m/s"], ["_deg", "°"], ["_mm", "mm"], ["_um", "µm"], ["_nm", "nm"], ["_px", "px"], ["_ev", "EV"], ["_db", "dB"], ["_m", "m"], ["_s", "s"], ["_k", "K"]];
const STEPS = 1000, SPAN = 30, RGB = ["red", "green", "blue"], TINTS = ["#d33a2c", "#2f9e44", "#3468e0"];
let count = 0;

const node = (tag, options = {}, ...children) => { const made = Object.assign(document.createElement(tag), options); made.append(...children); return made; };
const short = (value) => Number(Number(value).toPrecision(4));

// "sun_azimuth_deg": ["sun azimuth", "°"]
function named(name) {
  const bare = name.replace(/_(rgb|rgb_linear)$/, ""), [suffix, unit] = UNITS.find(([end]) => bare.endsWith(end)) ?? ["", ""];
  return [bare.slice(0, bare.length - suffix.length).replaceAll("_", " "), unit];
}

// Where a number's slider goes: within the schema's bounds, and where there are none around what was drawn.
function scale(schema, value) {
  const low = schema.minimum ?? schema.exclusiveMinimum, high = schema.maximum ?? schema.exclusiveMaximum, size = Math.abs(value) || 1;
  const logarithmic = (low ?? -1) >= 0 && value > 0 && (high === undefined || high / value > SPAN);
  if (logarithmic) {
    const from = Math.max(low || 0, value / SPAN), to = Math.min(high ?? Infinity, value * SPAN);
    return { at: (v) => Math.log(v / from) / Math.log(to / from), of: (t) => from * (to / from) ** t };
  }
  let from = low ?? (value < 0 ? -4 * size : 0), to = high ?? Math.max(value, from) + 3 * size;
  const inch = (to - from) / STEPS;
  if (schema.exclusiveMinimum !== undefined && from === schema.exclusiveMinimum) from += inch;
  if (schema.exclusiveMaximum !== undefined && to === schema.exclusiveMaximum) to -= inch;
  return { at: (v) => (v - from) / (to - from), of: (t) => from + (to - from) * t };
}

export class Form {
  // `changed()` is called after every change by the user.
  constructor(place, schema, values, changed) {
    this.defs = schema.$defs ?? {};
    this.values = structuredClone(values);
    this.touched = new Set();
    this.place = place;
    place.replaceChildren();
    for (const [name, part] of Object.entries(schema.properties)) {
      const field = this.field(name, part, this.values[name], (value) => {
        this.values[name] = value;
        this.touched.add(name);
        field.classList.add("changed");
        changed();
      });
      field.dataset.words = (name.replaceAll("_", " ") + " " + (part.description ?? "")).toLowerCase();
      place.append(field);
    }
  }

  // Only what the user changed: the rest follows from the seed.
  changes() { return Object.fromEntries([...this.touched].map((name) => [name, this.values[name]])); }

  filter(words) {
    const wanted = words.trim().toLowerCase();
    for (const field of this.place.children) field.hidden = !field.dataset.words.includes(wanted);
  }

  resolved(schema) {
    if (schema.$ref) return { ...this.defs[schema.$ref.split("/").pop()], ...schema, $ref: undefined };
    if (schema.allOf?.length === 1) return this.resolved({ ...schema, ...schema.allOf[0], allOf: undefined });
    const others = schema.anyOf?.filter((s) => s.type !== "null");
    if (others?.length === 1) return { ...this.resolved(others[0]), description: schema.description, nullable: others.length < schema.anyOf.length };
    return schema;
  }

  field(name, raw, value, set) {
    const schema = this.resolved(raw), id = "p" + ++count, [text, unit] = named(name);
    const hint = schema.description ? [node("small", { id: id + "-hint", textContent: schema.description })] : [];
    if (schema.properties && value) return node("details", { className: "field" }, node("summary", { textContent: text }), ...hint, ...this.parts(schema, value, set));
    if (Array.isArray(value) && value.length && typeof value[0] === "object") return this.list(text, schema, value, set, hint);
    if (Array.isArray(value) && value.length && value.every((v) => typeof v === "number")) return this.numbers(name, text, unit, schema, value, set, hint);
    const label = node("label", { htmlFor: id }, text + " ", node("span", { className: "unit", textContent: unit }));
    const control = this.control(id, name, schema, value, set);
    if (hint.length) control.querySelectorAll("input, select").forEach((c) => c.setAttribute("aria-describedby", id + "-hint"));
    if (!control.querySelector("#" + id)) label.removeAttribute("for");
    return node("div", { className: "field" }, label, control, ...hint);
  }

  parts(schema, value, set) {
    return Object.entries(schema.properties).filter(([key]) => key in value).map(([key, part]) => this.field(key, part, value[key], (v) => { value[key] = v; set(value); }));
  }

  list(text, schema, value, set, hint) {
    const item = this.resolved(schema.items ?? {});
    const each = value.map((one, i) => node("details", {}, node("summary", { textContent: text.replace(/s$/, "") + " " + (i + 1) }), ...(item.properties ? this.parts(item, one, (v) => { value[i] = v; set(value); }) : [])));
    return node("div", { className: "field" }, node("span", { className: "name", textContent: text }), ...hint, ...each);
  }

  numbers(name, text, unit, schema, value, set, hint) {
    const rgb = /rgb/.test(name) && value.length === 3;
    const bounds = rgb ? { minimum: 0, maximum: Math.max(1, 2 * Math.max(...value)) } : {};
    const each = value.map((v, i) => this.number("p" + ++count, { ...bounds, ...(schema.prefixItems?.[i] ?? this.resolved(schema.items ?? {})) }, v, (n) => { value[i] = n; set(value); }, text + " " + (rgb ? RGB[i] : i + 1)));
    if (rgb) each.forEach((one, i) => { one.querySelector("[type=range]").style.accentColor = TINTS[i]; });
    return node("div", { className: "field", role: "group", ariaLabel: text }, node("span", { className: "name", textContent: text + (unit ? " " + unit : "") }), ...each, ...hint);
  }

  control(id, name, schema, value, set) {
    if (schema.enum) {
      const select = node("select", { id }, ...schema.enum.map((v) => new Option(v, v, v === value, v === value)));
      select.addEventListener("change", () => set(schema.enum[select.selectedIndex]));
      return node("span", { className: "pair" }, select);
    }
    if (schema.type === "boolean") {
      const box = node("input", { id, type: "checkbox", checked: Boolean(value) });
      box.addEventListener("change", () => set(box.checked));
      return node("span", { className: "pair" }, box);
    }
    if (schema.type === "number" || schema.type === "integer") return schema.nullable ? this.optional(id, name, schema, value, set) : this.number(id, schema, value, set, "", name);
    return node("code", { textContent: value === null || value === "" || value?.length === 0 ? "none" : typeof value === "string" ? value : JSON.stringify(value).slice(0, 160) });
  }

  // A number that may be left out: a box says whether it is there.
  optional(id, name, schema, value, set) {
    const start = value ?? schema.default ?? schema.minimum ?? 1, inner = this.number(id, schema, start || 1, set, "", name), box = node("input", { type: "checkbox", checked: value !== null, ariaLabel: "use it" });
    const show = () => inner.querySelectorAll("input").forEach((c) => { c.disabled = !box.checked; });
    box.addEventListener("change", () => { show(); set(box.checked ? Number(inner.querySelector("[type=number]").value) : null); });
    show();
    return node("span", { className: "pair" }, box, inner);
  }

  number(id, schema, value, set, label = "", name = "") {
    const whole = schema.type === "integer", map = scale(schema, value), round = (v) => (whole ? Math.round(v) : short(v));
    const exact = node("input", { id, type: "number", step: whole ? "1" : "any", value: round(value), inputMode: "decimal" });
    if (schema.minimum !== undefined) exact.min = schema.minimum;
    if (schema.maximum !== undefined) exact.max = schema.maximum;
    if (label) exact.ariaLabel = label;
    exact.addEventListener("change", () => { if (exact.value !== "" && exact.checkValidity()) { slider.value = STEPS * map.at(Number(exact.value)); set(Number(exact.value)); } });
    const slider = node("input", { type: "range", min: 0, max: STEPS, value: STEPS * map.at(value), ariaLabel: label || named(name)[0] || "value" });
    slider.addEventListener("input", () => { exact.value = round(map.of(slider.value / STEPS)); slider.ariaValueText = exact.value; set(Number(exact.value)); });
    return node("span", { className: "pair" }, ...(name.endsWith("seed") ? [] : [slider]), exact);
  }
}
