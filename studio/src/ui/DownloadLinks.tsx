import { useTexts } from "../i18n";
import { DownloadLink } from "./DownloadLink";

/** A link for each format in which something can be saved. */
export function DownloadLinks<Format extends string>({
  formats,
  address,
  file,
  body,
}: {
  formats: readonly Format[];
  address: (format: Format) => string;
  /** What is posted to the address, if it is not simply fetched. */
  body?: (format: Format) => object | undefined;
  file: (format: Format) => string;
}) {
  const { t } = useTexts();
  return (
    <div className="chips">
      {formats.map((format) => (
        <DownloadLink
          key={format}
          address={address(format)}
          file={file(format)}
          label={t.downloadAs(format.toUpperCase())}
          body={body?.(format)}
        >
          {format.toUpperCase()}
        </DownloadLink>
      ))}
    </div>
  );
}
