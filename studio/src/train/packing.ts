/** The sides of the pictures of a dataset, in pixels. */
export const SIZES = ["28", "32", "64", "128", "256"] as const;
/** What becomes of pictures of other proportions. */
export const FITS = ["crop", "pad", "stretch"] as const;
/** What becomes of pictures that show almost the same. */
export const REPETITIONS = ["keep", "drop"] as const;

/** How a dataset is made of the uploaded files. */
export interface UploadFields {
  name: string;
  size: (typeof SIZES)[number];
  fit: (typeof FITS)[number];
  near_duplicates: (typeof REPETITIONS)[number];
}

export const DEFAULTS: Omit<UploadFields, "name"> = {
  size: "64",
  fit: "crop",
  near_duplicates: "keep",
};
