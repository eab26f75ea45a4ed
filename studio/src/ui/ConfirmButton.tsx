import { type ReactNode, useState } from "react";
import { Button, Dialog, DialogTrigger, Heading, Modal, ModalOverlay } from "react-aria-components";
import { useTexts } from "../i18n";
import { ErrorText } from "../sentences/ErrorText";

/** A button that asks before it does something, and says in `children` what that does. */
export function ConfirmButton({
  label,
  title,
  confirm,
  danger = false,
  isDisabled = false,
  className = "button",
  icon,
  children,
  onConfirm,
}: {
  label: string;
  title: string;
  /** The text of the button that confirms. */
  confirm: string;
  danger?: boolean;
  isDisabled?: boolean;
  className?: string;
  icon?: ReactNode;
  children: ReactNode;
  /** The dialog closes once this is done, and shows its error otherwise. */
  onConfirm: () => Promise<unknown>;
}) {
  const { t } = useTexts();
  const [isOpen, setOpen] = useState(false);
  const [isPending, setPending] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  const open = (wanted: boolean) => {
    setError(null);
    setOpen(wanted);
  };
  const run = async () => {
    setPending(true);
    setError(null);
    try {
      await onConfirm();
      setOpen(false);
    } catch (reason) {
      setError(reason instanceof Error ? reason : new Error(String(reason)));
    } finally {
      setPending(false);
    }
  };
  return (
    <DialogTrigger isOpen={isOpen} onOpenChange={open}>
      <Button className={className} isDisabled={isDisabled}>
        {icon}
        {label}
      </Button>
      <ModalOverlay className="modal-overlay" isDismissable={!isPending}>
        <Modal className="modal">
          <Dialog className="modal-dialog" role="alertdialog">
            <Heading slot="title">{title}</Heading>
            <div className="modal-body">{children}</div>
            {error !== null && (
              <p className="field-error" role="alert">
                <ErrorText error={error} />
              </p>
            )}
            <div className="modal-actions">
              <Button className="button" isDisabled={isPending} onPress={() => setOpen(false)}>
                {t.keep}
              </Button>
              <Button
                className={`button ${danger ? "danger" : "primary"}`}
                isDisabled={isPending}
                onPress={() => void run()}
              >
                {confirm}
              </Button>
            </div>
          </Dialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}
