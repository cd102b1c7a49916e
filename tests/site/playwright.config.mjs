// Tests of the built site, `make site-test`. The browser is Debian's: Playwright's own would have to
// be downloaded from outside the package registries. CHROMIUM names another.
import { execSync } from "node:child_process";

import { defineConfig } from "@playwright/test";

const PORT = 8790;
const root = new URL("../../", import.meta.url);
const find = "command -v chromium || command -v chromium-browser || command -v google-chrome";

export default defineConfig({
  testDir: ".",
  outputDir: "../../build/site-test",
  workers: 1, // two cores: a second browser only makes both slow
  timeout: 180_000,
  reporter: "list",
  use: {
    browserName: "chromium",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? execSync(find).toString().trim(),
      // --no-sandbox: needed as root. The others keep Chromium from calling its maker.
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    },
  },
  webServer: {
    command: `python3 -m http.server ${PORT} --bind 127.0.0.1 --directory build/site`,
    cwd: root.pathname,
    url: `http://127.0.0.1:${PORT}/index.html`,
    stdout: "ignore",
    stderr: "ignore",
  },
  projects: [
    { name: "server", use: { baseURL: `http://127.0.0.1:${PORT}/` } },
    { name: "files", use: { baseURL: new URL("build/site/", root).href } },
  ],
});
