/** How long a training may be, in images. */
export interface Lengths {
  quick: number;
  good: number;
  long: number;
}

const FEW_PICTURES = 500;
const QUICK_SHARE = 0.29; // of a preset's own length: 250,000 of small-data's 860,000
const LONG_FACTOR = 3;
// Beyond so many views of each picture the discriminator knows the pictures by heart.
const MAX_VIEWS = { augmented: 5000, plain: 1000 };

/** Lengths that suit so many pictures (docs/training.md). */
export function lengthsFor(pictures: number, usual: number, augmented: boolean): Lengths {
  const most = pictures * (augmented ? MAX_VIEWS.augmented : MAX_VIEWS.plain);
  const limited = (images: number) => round(Math.max(1, Math.min(images, most)));
  if (pictures < FEW_PICTURES) {
    return { quick: limited(100_000), good: limited(250_000), long: limited(500_000) };
  }
  return {
    quick: limited(QUICK_SHARE * usual),
    good: limited(usual),
    long: limited(LONG_FACTOR * usual),
  };
}

/** To two digits. */
function round(images: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(images)) - 1);
  return Math.round(images / unit) * unit;
}
