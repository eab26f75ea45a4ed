import { Button, Menu, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { serviceUrl } from "./api/client";
import { LANGUAGES, type Language, useTexts } from "./i18n";
import { type Preferences, usePreferences } from "./state/preferences";
import { CodeIcon, GlobeIcon, GridIcon, Mark, SunIcon } from "./ui/icons";

/** The screens, and what belongs to the person: language and theme. */
export function Rail() {
  const { t } = useTexts();
  const [{ language, theme }, change] = usePreferences();
  const themes: Record<Preferences["theme"], string> = {
    system: t.themeSystem,
    dark: t.themeDark,
    light: t.themeLight,
  };
  return (
    <nav className="rail" aria-label="Moggy">
      <Button
        className="skip button"
        onPress={() => document.querySelector<HTMLElement>('#pictures [tabindex="0"]')?.focus()}
      >
        {t.skipToPictures}
      </Button>
      <span className="brand">
        <Mark />
        <span className="wordmark">Moggy</span>
      </span>
      <a className="rail-item" href={serviceUrl("/")} aria-current="page">
        <GridIcon />
        <span>{t.explore}</span>
      </a>
      <span className="spacer" />
      <a className="rail-item" href={serviceUrl("/docs")}>
        <CodeIcon />
        <span>{t.apiReference}</span>
      </a>
      <Options
        label={t.language}
        icon={<GlobeIcon />}
        options={LANGUAGES}
        chosen={language}
        onChoose={(chosen) => change({ language: chosen as Language })}
      />
      <Options
        label={t.theme}
        icon={<SunIcon />}
        options={themes}
        chosen={theme}
        onChoose={(chosen) => change({ theme: chosen as Preferences["theme"] })}
      />
    </nav>
  );
}

function Options({
  label,
  icon,
  options,
  chosen,
  onChoose,
}: {
  label: string;
  icon: React.ReactNode;
  options: Record<string, string>;
  chosen: string;
  onChoose: (key: string) => void;
}) {
  return (
    <MenuTrigger>
      <Button className="rail-item">
        {icon}
        <span>{label}</span>
      </Button>
      <Popover className="popover list" placement="right bottom" offset={8}>
        <Menu
          aria-label={label}
          selectionMode="single"
          disallowEmptySelection
          selectedKeys={[chosen]}
          onSelectionChange={(keys) => {
            const [key] = [...keys];
            if (key !== undefined) onChoose(String(key));
          }}
        >
          {Object.entries(options).map(([key, text]) => (
            <MenuItem key={key} id={key} className="option">
              {text}
            </MenuItem>
          ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}
