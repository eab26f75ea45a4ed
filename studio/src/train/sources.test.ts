import { expect, test } from "vitest";
import { datasetName, selectionOf } from "./sources";

const file = (text: string) => new File([text], "name", { lastModified: 5 });

test("archives are sent as they are, and pictures as one tar", () => {
  const selection = selectionOf([
    { path: "train-images.gz", file: file("images") },
    { path: "labels.gz", file: file("labels") },
    { path: "a.png", file: file("picture") },
    { path: ".DS_Store", file: file("hidden") },
  ]);
  expect(selection?.sources.map(({ name }) => name)).toEqual([
    "train-images.gz",
    "labels.gz",
    "pictures.tar",
  ]);
  expect(selection?.files).toBe(3);
});

test("a folder is recognised by its files, and has its name", () => {
  const members = [
    { path: "My Cats/white/1.png", file: file("1") },
    { path: "My Cats/labels.csv", file: file("2") },
  ];
  const selection = selectionOf(members);
  expect(selection?.name).toBe("my-cats");
  expect(selection?.sources).toHaveLength(1);
  expect(selectionOf(members)?.sources[0]?.id).toBe(selection?.sources[0]?.id);
  expect(selectionOf(members.slice(1))?.sources[0]?.id).not.toBe(selection?.sources[0]?.id);
});

test("nothing but hidden files is no selection", () => {
  expect(selectionOf([{ path: "a/.hidden", file: file("") }])).toBeNull();
});

test("a name of a dataset is a valid one", () => {
  expect(datasetName("Cats (600).tar.gz")).toBe("cats-600");
  expect(datasetName("train-images-idx3-ubyte.gz")).toBe("train-images-idx3-ubyte");
  expect(datasetName("三毛.zip")).toBe("pictures");
  expect(datasetName("Café/1.png")).toBe("cafe");
});
