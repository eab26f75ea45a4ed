import { Button, Dialog, DialogTrigger, Heading, Popover } from "react-aria-components";
import { readNotices } from "./content";
import { usePictures } from "./pictures";
import { formatNumber, t } from "./texts";

/** Where the model comes from, and under which terms it and the page's software may be used. */
export function About() {
  const { content } = usePictures().model;
  const { dataset, left_out, shape } = content;
  const facts: readonly (readonly [string, string])[] = [
    [t.model, content.model],
    [t.checkpoint, content.checkpoint],
    [t.weights, content.sha256],
    [t.size, shape.join(" × ")],
    [t.preset, `${content.preset} (${content.architecture})`],
    ...(dataset
      ? [
          [
            t.trainedOn,
            t.dataset(dataset.name, dataset.images === null ? null : formatNumber(dataset.images)),
          ] as const,
        ]
      : []),
    ["Moggy", content.moggy],
  ];
  return (
    <DialogTrigger>
      <Button className="button">{t.about}</Button>
      <Popover className="popover about" placement="bottom end" offset={8}>
        <Dialog className="dialog">
          <Heading slot="title">{t.about}</Heading>
          <p>{t.aboutText}</p>
          <dl className="facts">
            {facts.map(([name, value]) => (
              <div key={name} className="fact">
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
          {left_out.latents + left_out.directions > 0 && (
            <p className="muted">{t.leftOut(left_out.latents, left_out.directions)}</p>
          )}
          <h3>{t.licence}</h3>
          <p>{content.licence}</p>
          <details>
            <summary>{t.notices}</summary>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by the keyboard */}
            <pre className="notices" tabIndex={0}>
              {readNotices()}
            </pre>
          </details>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}
