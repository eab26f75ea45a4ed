import { useState } from "react";
import { Button, Disclosure, DisclosurePanel, Heading } from "react-aria-components";
import { ChevronIcon } from "../../ui/icons";
import { useLog } from "../queries";
import { useTrainTexts } from "../texts";

const REFRESH_MS = 10_000; // as often as the worker stores it

/** What the workers of the training have logged, folded away. */
export function JobLog({ id }: { id: string }) {
  const t = useTrainTexts();
  const [isOpen, setOpen] = useState(false);
  const log = useLog(id, isOpen, REFRESH_MS);
  return (
    <Disclosure className="advanced" isExpanded={isOpen} onExpandedChange={setOpen}>
      <Heading level={3}>
        <Button slot="trigger" className="button quiet advanced-button">
          <ChevronIcon />
          {t.showLog}
        </Button>
      </Heading>
      <DisclosurePanel>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached with the keyboard */}
        <section className="job-log" tabIndex={0} aria-label={t.log}>
          <pre lang="en">{log.error?.message ?? (log.data === "" ? t.emptyLog : log.data)}</pre>
        </section>
      </DisclosurePanel>
    </Disclosure>
  );
}
