import { expect, test } from "vitest";
import { curlCommand, imagePath, morphBody, morphPath, pythonProgram } from "./snippets";

const SOURCE = {
  model: "cats",
  checkpoint: "5cf3",
  truncation: 1,
  shape: [64, 64],
  className: null,
} as const;
const PLAIN = { scale: 1, smooth: true };

test("the path of an image names its checkpoint, and only what differs from the default", () => {
  expect(imagePath(SOURCE, "7", "png", PLAIN)).toBe("/v1/models/cats/images/7.png?checkpoint=5cf3");
  expect(
    imagePath({ ...SOURCE, truncation: 0.7 }, "white", "webp", { scale: 4, smooth: false }),
  ).toBe(
    "/v1/models/cats/images/@white.webp?checkpoint=5cf3&truncation=0.7&scale=4&resample=nearest",
  );
});

test("a class is in the path of an image, and in the body of a morph", () => {
  const tabby = { ...SOURCE, className: "tabby" };
  expect(imagePath(tabby, "7", "png", PLAIN)).toMatch(/7.png\?checkpoint=5cf3&class=tabby$/);
  const morph = { keyframes: ["7", "8"], easing: "linear", loop: false } as const;
  expect(morphBody(tabby, morph, 60, "gif", PLAIN).class).toBe("tabby");
});

test("edits are in the path of an image, and in the body of a morph", () => {
  expect(imagePath(SOURCE, "7~white:1.5", "png", PLAIN)).toBe(
    "/v1/models/cats/images/7.png?checkpoint=5cf3&edit=white%3A1.5",
  );
  const morph = { keyframes: ["7~white:1.5", "tabby"], easing: "even", loop: false } as const;
  const body = morphBody(SOURCE, morph, 60, "mp4", PLAIN);
  expect(body.keyframes).toEqual([{ seed: 7, edits: { white: 1.5 } }, { name: "tabby" }]);
  expect(curlCommand("http://a/", "a.mp4", false, { fps: 24 })).toBe(
    `curl -H 'Content-Type: application/json' -d '{"fps":24}' -o a.mp4 'http://a/'`,
  );
});

test("the path of a morph has its keyframes and options", () => {
  const morph = { keyframes: ["7", "white", "42"], easing: "smooth", loop: true } as const;
  expect(morphPath(SOURCE, morph, 120, "gif", PLAIN)).toBe(
    "/v1/models/cats/interpolations/7..white..42.gif" +
      "?checkpoint=5cf3&frames=120&fps=30&easing=smooth&loop=true",
  );
});

test("commands carry a key where the service needs one", () => {
  const address = "http://127.0.0.1:8000/v1/models/cats/images/7.png?checkpoint=5cf3";
  expect(curlCommand(address, "7.png", false)).toBe(`curl -o 7.png '${address}'`);
  expect(curlCommand(address, "7.png", true)).toContain("Bearer $MOGGY_KEY");
  expect(pythonProgram(address, false)).toContain(`requests.get("${address}")`);
  expect(pythonProgram(address, false)).not.toContain("import os");
  const keyed = pythonProgram(address, true);
  expect(keyed).toMatch(/^import os\n/);
  expect(keyed).toContain('"Bearer " + os.environ["MOGGY_KEY"]');
});
