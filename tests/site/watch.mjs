// What every test of the site looks at: errors in the console, and requests to other hosts.
import { expect, test } from "@playwright/test";

export { expect, test };

let problems;
test.beforeEach(async ({ page, baseURL }) => {
  problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  const isLocal = (url) => url.href.startsWith(baseURL) || ["blob:", "data:"].includes(url.protocol);
  await page.route((url) => !isLocal(url), (route) => {
    problems.push(`asked for ${route.request().url()}`);
    return route.abort();
  });
});
test.afterEach(() => expect(problems).toEqual([]));
