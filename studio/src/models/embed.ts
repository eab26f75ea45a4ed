/** Texts that show pictures of a model on pages of one's own. */

const SIZE = 320; // CSS pixels
const FIRST_SEED = 7;
const LOOP = "7..42..7";

/** An `<img>` with the picture of a seed. */
export function imageTag(service: string, model: string): string {
  return `<img src="${service}/v1/models/${model}/images/${FIRST_SEED}.png" width="${SIZE}" alt="A picture by ${model}">`;
}

/** A `<video>` with a morph that repeats. */
export function videoTag(service: string, model: string): string {
  const source = `${service}/v1/models/${model}/interpolations/${LOOP}.mp4`;
  return `<video src="${source}" width="${SIZE}" autoplay loop muted playsinline></video>`;
}

/** An `<img>` with a morph that repeats. */
export function morphTag(service: string, model: string): string {
  const source = `${service}/v1/models/${model}/interpolations/${LOOP}.webp`;
  return `<img src="${source}" width="${SIZE}" alt="A morph by ${model}">`;
}

interface PageTexts {
  language: string;
  title: string;
  /** What the picture is, for those who do not see it. */
  picture: string;
  seed: string;
  another: string;
}

/** A whole page that shows another picture of the model at each visit. */
export function randomPage(
  service: string,
  model: string,
  { language, title, picture, seed, another }: PageTexts,
): string {
  return `<!doctype html>
<html lang="${language}">
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${title}</title>
  <style>
    body { display: grid; place-content: center; gap: 1rem; min-height: 100vh; margin: 0;
      background: #131110; color: #efeae3; font-family: system-ui, sans-serif; text-align: center; }
    img { width: min(80vmin, 512px); aspect-ratio: 1; object-fit: contain; border-radius: 12px; }
    a { color: #f0924a; }
  </style>
  <h1>${title}</h1>
  <img id="picture" alt="${picture}">
  <p>${seed} <span id="seed"></span> · <a href="">${another}</a></p>
  <script>
    const service = "${service}"; // "" if this page has the same address
    const seed = Math.floor(Math.random() * 2 ** 53);
    document.getElementById("picture").src = service + "/v1/models/${model}/images/" + seed + ".png";
    document.getElementById("seed").textContent = seed;
  </script>
</html>
`;
}
