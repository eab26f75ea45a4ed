import { expect, test } from "vitest";
import type { Schemas } from "../api/client";
import { Problem } from "../api/problem";
import { ABSENCES, absenceOf } from "./absences";
import type { Sentences } from "./facts";
import {
  balanceAdvice,
  balanceSays,
  findingAdvice,
  findingSays,
  varietyAdvice,
  varietySays,
} from "./findings";
import { type Alert, alertMessage, SIGNALS } from "./health";
import { JOB_ERRORS, type JobError, jobErrorOf } from "./jobErrors";
import { PROBLEMS, problemOf } from "./problems";
import {
  labelsSay,
  REJECTIONS,
  REMARKS,
  type Rejection,
  type Remark,
  rejectionOf,
  remarkOf,
} from "./report";
import { SERVED, servedReason } from "./served";
import { VERDICTS, verdictOf } from "./verdicts";
import { WARNINGS, type Warning, warningOf } from "./warnings";

/** Names that are the same in every language: of files, formats, settings, fields and measures. */
const NAMES =
  /MOGGY_[A-Z_]+|[a-z]+_[a-z_]+|(levels|unclassified|names|precision)=\w+|\w+\.(png|zip|csv)|\b(KID|PNG|JPEG|WebP|AVIF|HEIC|TIFF|BMP|GIF|CMYK|sRGB|gAMA|cHRM|cICP|NFC|NFD|UTF-8|zip|tar\.gz|tar|deflate|augmentation|uint8|uint16|Python|KB|MB|GB|kB|r1|width|white|tabby|cats|cpu|ab12|kitchen|cp932)\b/g;

function expectJapanese(sentence: string | null): void {
  expect(sentence).not.toBeNull();
  expect(sentence).not.toMatch(/undefined|NaN|null|\{|\}/);
  expect(sentence?.replace(NAMES, "")).not.toMatch(/[A-Za-z]{2}/);
  expect(sentence).toMatch(/[ぁ-ん]/);
}

/** A sample of every kind: one that is missing does not compile. */
type Samples<Fact extends { kind: string }> = {
  [Kind in keyof Sentences<Fact>]: Omit<Parameters<Sentences<Fact>[Kind]>[0], "kind">;
};

function factsOf<Fact extends { kind: string }>(samples: Samples<Fact>): Fact[] {
  return Object.entries(samples).map(([kind, sample]) => ({ kind, ...(sample as object) }) as Fact);
}

const RANGE = { images: 200, low: 0, high: 1023, white: 65535 };
const CLASSES = {
  effective: 1.4,
  smallest: { name: "white", images: 3 },
  largest: { name: "tabby", images: 900 },
  thin: ["white"],
  more_thin: 2,
};
const ENGLISH = { says: "In English.", suggests: "Do it." };

const WARNED: Samples<Warning> = {
  few_pictures: { pictures: 64, enough: 500 },
  finding: {
    finding: "blurred",
    count: 12,
    share: 0.12,
    advice: "halve_size",
    ranges: null,
    ...ENGLISH,
  },
  low_variety: { value: 4.2, sample: 1000, advice: "other_kinds", ...ENGLISH },
  unbalanced_classes: { classes: 5, advice: "add_or_leave_out", ...CLASSES, ...ENGLISH },
  too_few_images: { images: 20_000, views: 6.67, least_images: 100_000 },
  too_many_views: { images: 9_000_000, views: 3000, max_views: 1000 },
  large_batch: { batch_size: 64, better_batch_size: 16 },
  mirroring: { dataset: "cats", known: true },
  not_timed: { machine: "kitchen", worker: "kitchen", device: "cpu" },
  extrapolated: { batch_size: 64, timed_batch_size: 4 },
  busy_machine: { waiting_share: 0.78, machine: "kitchen", worker: "kitchen" },
  too_little_memory: { needed_bytes: 9e9, free_bytes: 8e9 },
  slow: { seconds: 20_000, images_per_second: 35, machine: "x", worker: null, device: "cpu" },
  checkpoints_thinned: { checkpoints: 120, kept: 50 },
  model_has_checkpoints: {
    model: "cats",
    checkpoints: 1200,
    served: "ab12",
    served_reason: {
      kind: "lowest_kid",
      images_seen: 1000,
      kid: 0.42,
      low: 0.4,
      high: 0.44,
      compared: 3,
      trainings: 2,
    },
    start: null,
    dataset: "cats",
    next_served: "other_pictures",
  },
};

test("every warning is said with its figures", () => {
  expect(Object.keys(WARNED)).toEqual(Object.keys(WARNINGS));
  for (const warning of factsOf<Warning>(WARNED)) expectJapanese(warningOf(warning));
  expect(warningOf({ kind: "few_pictures", pictures: 64, enough: 500 })).toContain("64 枚");
});

test("what an older version stored without its kind has no sentence", () => {
  const finding = { ...WARNED.finding, kind: "finding", advice: null } as const;
  expect(warningOf(finding)).toBeNull();
  expect(warningOf(undefined)).toBeNull();
  expect(rejectionOf({ file: "a.txt", reason: "not an image" })).toBeNull();
  expect(alertMessage({ message: "rolled back" })).toBeNull();
  expect(alertMessage({ message: "it stopped", signal: "plateau", value: 3 })).toBeNull();
});

test("every finding and every advice is said", () => {
  const kinds = ["near_duplicates", "outliers", "letterboxed", "blurred", "blank"] as const;
  for (const kind of kinds) {
    expectJapanese(findingSays({ kind, count: 1, share: 0.01 }));
    expect(findingSays({ kind, count: 1234, share: 0.034 })).toContain("1,234 枚(3.4 %)");
  }
  expectJapanese(findingSays({ kind: "levels", count: 200, share: 1, ranges: [RANGE] }));
  expectJapanese(findingSays({ kind: "levels", count: 200, share: 1 }));
  const advices: NonNullable<Schemas["Finding"]["advice"]>[] = [
    "drop_repeats",
    "repeats_dropped",
    "check_outliers",
    "crop_bars",
    "fit_crop",
    "leave_out_blurred",
    "halve_size",
    "leave_out_blank",
    "stretch_levels",
  ];
  for (const advice of advices) expectJapanese(findingAdvice(advice));
  expectJapanese(varietySays({ value: 933.4, sample: 1000 }));
  expectJapanese(varietyAdvice("other_kinds"));
  expectJapanese(balanceSays(5, CLASSES));
  expectJapanese(balanceAdvice("small_classes", CLASSES));
  expectJapanese(balanceAdvice("add_or_leave_out", CLASSES));
});

test("every signal of a training is said with its figures, with what to do", () => {
  const scores = { images_seen: 400_000, kid: 0.0412, low: 0.04, high: 0.043 };
  const alert: Alert = {
    message: "In English",
    value: 0.34,
    images_seen: 50_048,
    figures: { best: scores, last: scores },
    generator_learning_rate: 0.0001,
    discriminator_learning_rate: 0.0001,
  };
  for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
    expectJapanese(alertMessage({ ...alert, signal }));
  }
  expect(alertMessage({ ...alert, signal: "overfitting" })).toContain("34 %");
});

test("every reason for a refused file, and every note, is said", () => {
  const sized = { width: 8, height: 5, least_width: 32, least_height: 32, max_pixels: 1e6 };
  for (const kind of Object.keys(REJECTIONS) as (keyof typeof REJECTIONS)[]) {
    if (kind === "other") continue;
    const file = { file: "a.png", reason: "bad", kind, bytes: 3e8, max_bytes: 2e8, ...sized };
    expectJapanese(rejectionOf(file as Rejection));
  }
  const noted: Samples<Remark> = {
    treated: { says: "", treatment: "cmyk", count: 3, file: "a.png" },
    unclassified: { says: "", count: 3, files: ["a.png"], left_out: false, classes: 2 },
    stretched_levels: { says: "", range: RANGE },
    too_many_classes: { says: "", classes: 5000, max_classes: 1000 },
    respelt_classes: { says: "", classes: 2, names: ["white"] },
    contradicting_duplicates: { says: "", count: 2 },
    undecoded_names: {
      says: "",
      archive: "cats.zip",
      count: 9,
      examples: ["a.png"],
      read_as: "cp932",
    },
    single_class: { says: "" },
    more_notes: { says: "" },
    other: { says: "" },
  };
  expect(Object.keys(noted)).toEqual(Object.keys(REMARKS));
  for (const remark of factsOf<Remark>(noted)) {
    if (remark.kind === "other") expect(remarkOf(remark)).toBeNull();
    else expectJapanese(remarkOf(remark));
  }
  const labels: Schemas["LabelSource"] = {
    source: "files",
    says: "",
    with_class: 7,
    files: [
      {
        file: "a.csv",
        files: 1,
        rows: 9,
        pictures: 7,
        without_picture_count: 1,
        without_picture: ["ghost.png"],
      },
    ],
    contradicted: 1,
    without_class_count: 2,
    without_class: [],
  };
  for (const source of ["files", "recipes", null] as const) {
    expectJapanese(labelsSay({ ...labels, source }));
  }
});

test("every reason why a checkpoint is served is said", () => {
  const reason = { images_seen: 1000, kid: 0.42, low: null, high: null, compared: 1, trainings: 1 };
  for (const kind of Object.keys(SERVED) as (keyof typeof SERVED)[]) {
    const phrase = servedReason({ kind, ...reason });
    expect(phrase).toMatch(/[一-龠]/);
    expect(phrase?.replace("KID", "")).not.toMatch(/[A-Za-z]/);
  }
  expect(servedReason({ kind: "lowest_kid", ...reason })).toBe("唯一の KID: 0.42、1,000 枚の時点");
});

test("every error of a job is said", () => {
  const figures = { attempts: 3, free_bytes: 5e6, room_needed: 1e9, seconds: 600 };
  const uploads = { accepted: 1, received: 7, needed: 2, pictures: 40, file: "cats.zip" };
  const limits = { max_images: 1e6, max_bytes: 1e11 };
  for (const kind of Object.keys(JOB_ERRORS) as JobError["kind"][]) {
    expectJapanese(jobErrorOf({ kind, ...figures, ...uploads, ...limits } as JobError));
  }
});

test("every problem of a request is said, with its field or value where it has one", () => {
  for (const kind of Object.keys(PROBLEMS) as (keyof typeof PROBLEMS)[]) {
    expectJapanese(problemOf(new Problem(400, "x", null, null, null, kind)));
  }
  const taken = new Problem(409, "x", "name", null, null, "name_taken", "cats");
  expect(problemOf(taken)).toContain("「cats」");
  expect(problemOf(new Problem(422, "x", "size", null, null, "invalid_request"))).toContain("size");
  expect(problemOf(new Problem(502, "Bad Gateway"))).toContain("502");
});

test("every reason why something is unknown of an image is said", () => {
  for (const absence of Object.keys(ABSENCES) as (keyof typeof ABSENCES)[]) {
    expectJapanese(absenceOf(absence));
  }
  expect(absenceOf(undefined)).toBeNull();
});

test("every verdict on a photo is said", () => {
  const calibration = { pictures: 200, source: "held_out", median: 0.2, unrelated: 0.6 };
  for (const verdict of Object.keys(VERDICTS)) {
    expectJapanese(verdictOf({ verdict, calibration } as Schemas["ProjectionView"]));
  }
});
