import { expect, test } from "vitest";
import { licencesOf } from "./licences.ts";
import { scriptText } from "./oneFile.ts";

test("a script cannot end the element that it stands in", () => {
  expect(scriptText('a("</script>", "</SCRIPT >")')).toBe('a("<\\/script>", "<\\/SCRIPT >")');
  expect(() => scriptText('a("<!--")')).toThrow("<!--");
});

test("a licence is written once, below the packages that have it", () => {
  const packages = `${import.meta.dirname}/../node_modules`;
  const notices = licencesOf([
    `${packages}/react/index.js`,
    `${packages}/react-dom/client.js`,
    `${packages}/onnxruntime-web/dist/ort.js`,
    "/src/main.tsx",
  ]);
  expect(notices).toMatch(/react 19\S* \(MIT\)\nreact-dom 19\S* \(MIT\)\n\nMIT License/);
  expect(notices).toMatch(/onnxruntime-web \S+ \(MIT\)/);
  expect(notices.match(/Permission is hereby granted/g)).toHaveLength(1);
});
