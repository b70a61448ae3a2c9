// Requests to this page's server: JSON, uploads, and jobs that are followed until they end.
const token = document.querySelector("meta[name=token]").content;
const RETRIES = 8;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Every failure is an Error whose message is one line for a human.
export async function ask(method, path, body) {
  for (let tried = 0; ; tried++) {
    let answer;
    try {
      answer = await fetch(path, { method, headers: method === "GET" ? {} : { "X-Uniser-Token": token, "Content-Type": "application/json" }, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new Error("The server does not answer: is `uniser serve` still running?");
    }
    if (answer.status === 503 && tried < RETRIES) { await pause(500 * (tried + 1)); continue; }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(told.error || "The server answered " + answer.status + ".");
    return told;
  }
}

// fetch cannot tell how far an upload is.
export function upload(blob, progress, tried = 0) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/api/pictures");
    request.setRequestHeader("X-Uniser-Token", token);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => fail(new Error("The upload broke off: try again."));
    request.onload = async () => {
      if (request.status === 503 && tried < RETRIES) { await pause(500 * (tried + 1)); upload(blob, progress, tried + 1).then(done, fail); }
      else if (request.status === 201) done(request.response);
      else fail(new Error(request.response?.error || "The server answered " + request.status + "."));
    };
    request.send(blob);
  });
}

// Start a job and follow it; `tell(stage, seconds)` hears of every change. `signal` cancels it.
export async function work(path, body, tell, signal) {
  let job = await ask("POST", path, body);
  const cancel = () => ask("DELETE", "/api/jobs/" + job.id).catch(() => {});
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    while (job.state === "waiting" || job.state === "working") {
      tell(job.stage, job.seconds);
      job = await ask("GET", "/api/jobs/" + job.id + "?seen=" + job.version);
    }
  } finally { signal?.removeEventListener("abort", cancel); }
  if (job.state === "failed") throw new Error(job.error);
  return job.result;
}

// Put both pictures of a result under a figure's slider; done when they can be seen.
export async function compared(figure, made) {
  const pictures = [...figure.querySelectorAll("img")], names = ["before.jpg", "after.jpg"];
  pictures.forEach((picture, i) => { picture.src = made.files[names[i]]; });
  await Promise.all(pictures.map((picture) => picture.decode().catch(() => {})));
}
