import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Disclosure, DisclosurePanel, Heading } from "react-aria-components";
import { request, serviceUrl } from "../../api/client";
import { ChevronIcon } from "../../ui/icons";
import { useTrainTexts } from "../texts";

const REFRESH_MS = 10_000; // as often as the worker stores it

/** What the workers of the training have logged, folded away. */
export function JobLog({ id }: { id: string }) {
  const t = useTrainTexts();
  const [isOpen, setOpen] = useState(false);
  const log = useQuery({
    queryKey: ["log", id],
    queryFn: async () => (await request(serviceUrl(`/v1/jobs/${id}/log`))).text(),
    enabled: isOpen,
    refetchInterval: REFRESH_MS,
  });
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
