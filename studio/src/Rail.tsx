import { Button, Menu, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { serviceUrl } from "./api/client";
import { REACHABLE_PICTURE } from "./explore/useWallFocus";
import { LANGUAGES, type Language, useTexts } from "./i18n";
import { SCREEN_ENTRIES } from "./screens";
import { type Preferences, usePreferences } from "./state/preferences";
import { type Screen, screenQuery, useScreen } from "./state/screen";
import { CodeIcon, GlobeIcon, Mark, SunIcon } from "./ui/icons";
import { ScreenLink } from "./ui/ScreenLink";

/** What the first key of a screen leads to. */
const CONTENT: Partial<Record<Screen, string>> = { explore: REACHABLE_PICTURE };

/** The screens, and what belongs to the person: language and theme. */
export function Rail() {
  const { t } = useTexts();
  const [{ language, theme }, change] = usePreferences();
  const screen = useScreen();
  const themes: Record<Preferences["theme"], string> = {
    system: t.themeSystem,
    dark: t.themeDark,
    light: t.themeLight,
  };
  return (
    <header className="rail">
      <Button
        className="skip button"
        onPress={() =>
          document.querySelector<HTMLElement>(CONTENT[screen] ?? "main a, main button")?.focus()
        }
      >
        {screen === "explore" ? t.skipToPictures : t.skipToContent}
      </Button>
      <span className="brand">
        <Mark />
        <span className="wordmark">Moggy</span>
      </span>
      <nav className="screens" aria-label="Moggy">
        {SCREEN_ENTRIES.map(({ id, icon, label }) => (
          <ScreenLink
            key={id}
            query={screenQuery(id)}
            className="rail-item"
            aria-current={id === screen ? "page" : undefined}
          >
            {icon}
            <span>{label(t)}</span>
          </ScreenLink>
        ))}
      </nav>
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
    </header>
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
