// A headless Chromium, spoken to over its debugging pipe: node alone, no packages.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const patience = 60000;  // a machine under load

export class Browser {
  #next = 1;
  #waiting = new Map();
  #rest = "";
  #session = null;
  problems = [];  // console errors, exceptions, requests that the page made

  constructor(program) {
    this.profile = mkdtempSync(join(tmpdir(), "motley_report_"));
    const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    this.process = spawn(program, ["--headless=new", ...root, "--remote-debugging-pipe", `--user-data-dir=${this.profile}`, "--no-first-run",
      "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
      "--hide-scrollbars", "--window-size=1360,900", "about:blank"], { detached: true, stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.process.stdio[4].on("data", (data) => this.#receive(data.toString()));
    this.process.on("exit", (code) => { for (const { reject } of this.#waiting.values()) reject(new Error(`the browser ended (${code})`)); });
  }

  #receive(text) {
    const parts = (this.#rest + text).split("\0");
    this.#rest = parts.pop();
    for (const part of parts) this.#take(JSON.parse(part));
  }

  #take(message) {
    if (message.id) {
      const { resolve, reject } = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      message.error ? reject(new Error(message.error.message)) : resolve(message.result);
    } else if (message.method === "Runtime.exceptionThrown") {
      this.problems.push(message.params.exceptionDetails.exception?.description ?? message.params.exceptionDetails.text);
    } else if (message.method === "Log.entryAdded" && message.params.entry.level === "error") {
      this.problems.push(message.params.entry.text);
    } else if (message.method === "Runtime.consoleAPICalled" && ["error", "warning", "assert"].includes(message.params.type)) {
      this.problems.push(message.params.args.map((a) => a.value ?? a.description).join(" "));
    } else if (message.method === "Network.requestWillBeSent" && !/^(file|data|about):/.test(message.params.request.url)) {
      this.problems.push(`a request for ${message.params.request.url}`);
    } else if (message.method === "Page.javascriptDialogOpening") {
      this.problems.push(`a dialog: ${message.params.message}`);
      this.send("Page.handleJavaScriptDialog", { accept: true });
    }
  }

  send(method, params = {}) {
    const id = this.#next++;
    const message = { id, method, params, ...(this.#session ? { sessionId: this.#session } : {}) };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} took too long`)), patience);
      const end = (then) => (value) => { clearTimeout(timer); then(value); };
      this.#waiting.set(id, { resolve: end(resolve), reject: end(reject) });
      this.process.stdio[3].write(JSON.stringify(message) + "\0");
    });
  }

  async open(url) {
    if (!this.#session) await this.#attach();
    await this.send("Page.navigate", { url });
    await this.until(`document.URL === ${JSON.stringify(url)} && document.documentElement.dataset.ready === "1"`, "the page is drawn");
  }

  async #attach() {
    const { targetInfos } = await this.send("Target.getTargets");
    const { targetId } = targetInfos.find((target) => target.type === "page");
    this.#session = (await this.send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.send(`${domain}.enable`);
  }

  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true, userGesture: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async until(expression, what) {
    for (const end = Date.now() + patience; Date.now() < end;) {
      if (await this.evaluate(expression).catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`waited in vain until ${what}; ${this.problems.join("; ")}`);
  }

  // A real click in the middle of what a selector finds.
  async click(selector) {
    const at = await this.evaluate(`(() => { const e = document.querySelector(${JSON.stringify(selector)}); e.scrollIntoView({ block: "center" });
      const r = e.getBoundingClientRect(); return { x: r.x + r.width / 2, y: r.y + r.height / 2 }; })()`);
    for (const type of ["mouseMoved", "mousePressed", "mouseReleased"])
      await this.send("Input.dispatchMouseEvent", { type, ...at, button: type === "mouseMoved" ? "none" : "left", clickCount: 1 });
  }

  async press(key) {
    for (const type of ["keyDown", "keyUp"])
      await this.send("Input.dispatchKeyEvent", { type, key, code: key, windowsVirtualKeyCode: { Enter: 13, ArrowDown: 40 }[key], ...(key === "Enter" ? { text: "\r" } : {}) });
  }

  scheme(name) { return this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: name }] }); }
  size(width, height) { return this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false }); }
  async screenshot(options = {}) { return Buffer.from((await this.send("Page.captureScreenshot", options)).data, "base64"); }

  // Its processes are a group of their own, and some outlive the first.
  async close() {
    const gone = new Promise((resolve) => this.process.once("exit", resolve));
    process.kill(-this.process.pid, "SIGKILL");
    await gone;
    for (let attempt = 0; attempt < 50; ++attempt) {
      try {
        return rmSync(this.profile, { recursive: true, force: true });
      } catch (error) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }
}
