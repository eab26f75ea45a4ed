import { expect, test } from "vitest";
import { imageTag, randomPage, videoTag } from "./embed";

const SERVICE = "http://127.0.0.1:8000";

test("tags name the model at the address of the service", () => {
  expect(imageTag(SERVICE, "cats")).toContain(`src="${SERVICE}/v1/models/cats/images/7.png"`);
  expect(videoTag(SERVICE, "cats")).toContain("/v1/models/cats/interpolations/7..42..7.mp4");
});

test("the page draws a seed that the service accepts", () => {
  const page = randomPage(SERVICE, "cats", {
    language: "ja",
    title: "This cat does not exist",
    picture: "猫",
    seed: "シード",
    another: "別の画像",
  });
  expect(page).toContain('<html lang="ja">');
  expect(page).toContain('<a href="">別の画像</a>');
  expect(page.match(/This cat does not exist/g)).toHaveLength(2);
  expect(page).toContain("Math.floor(Math.random() * 2 ** 53)");
});
