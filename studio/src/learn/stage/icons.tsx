/** The icons of the toy's controls. */
export function TurnIcon() {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path className="solid" d="M5.5 4.8v10.4l7.5-5.2z" />
      <path d="M15.2 4.8v10.4" />
    </svg>
  );
}

export function RestartIcon() {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M4.5 4v4h4M4.8 8a6 6 0 1 1-.6 3.6" />
    </svg>
  );
}
