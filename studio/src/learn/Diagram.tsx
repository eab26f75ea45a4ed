import { useLearnTexts } from "./texts";
import type { Player } from "./toy/gan";

/** Noise, forger, notes, police and verdict. What takes part in the turn is lit. */
export function Diagram({ player }: { player: Player | "both" | null }) {
  const t = useLearnTexts();
  const lit = (other: Player) => (player === other || player === "both" ? "lit" : "");
  return (
    <svg className="diagram-drawing" viewBox="0 0 520 262" role="img" aria-label={t.storyDiagram}>
      <g className={`wire ${lit("generator")}`}>
        <path d="M86 196h40" markerEnd="url(#tip)" />
        <path d="M216 196h46" markerEnd="url(#tip)" />
      </g>
      <g className={`wire ${lit("discriminator")}`}>
        <path d="M352 70c24 0 26 30 50 44" markerEnd="url(#tip)" />
      </g>
      <g className={`wire ${player === null ? "" : "lit"}`}>
        <path d="M352 196c24 0 26-30 50-44" markerEnd="url(#tip)" />
      </g>
      <g className={`wire back ${lit("generator")}`}>
        <path d="M440 174c0 72-268 62-268 62" markerEnd="url(#tip)" />
      </g>
      <defs>
        <marker
          id="tip"
          viewBox="0 0 10 10"
          refX="8"
          refY="5"
          markerWidth="6"
          markerHeight="6"
          orient="auto"
        >
          <path className="tip" d="M1 1l8 4-8 4z" />
        </marker>
      </defs>

      <Noise label={t.noise} />
      <g className={`actor forged ${lit("generator")}`} transform="translate(171 196)">
        <circle r="36" />
        <path className="sign" d="M-15 14l4-10L9-16l6 6L-5 10zM5-12l6 6M-18 19h22" />
        <text y="-48">{t.forger}</text>
      </g>
      <g className="notes real" transform="translate(308 70)">
        <Note x={-9} y={-8} />
        <Note x={0} y={0} />
        <text y="46">{t.realPile}</text>
      </g>
      <g className="notes forged" transform="translate(308 196)">
        <Note x={-9} y={-8} />
        <Note x={0} y={0} />
        <text y="-38">{t.forgedPile}</text>
      </g>
      <g className={`actor real ${lit("discriminator")}`} transform="translate(440 133)">
        <circle r="36" />
        <path
          className="sign"
          d="M0-19l15 5v11c0 10-7 17-15 21-8-4-15-11-15-21v-11zM-7-1l5 6 9-10"
        />
        <text y="-48">{t.police}</text>
      </g>
      <text x="316" y="252">
        {t.verdict}
      </text>
    </svg>
  );
}

function Noise({ label }: { label: string }) {
  const dots = [
    [-18, -14],
    [6, -20],
    [20, -4],
    [-6, -2],
    [-22, 8],
    [10, 10],
    [-8, 20],
    [22, 20],
  ];
  return (
    <g className="noise" transform="translate(48 196)">
      {dots.map(([x, y]) => (
        <circle key={`${x} ${y}`} cx={x} cy={y} r="3.2" />
      ))}
      <text y="-38">{label}</text>
    </g>
  );
}

function Note({ x, y }: { x: number; y: number }) {
  return (
    <g transform={`translate(${x} ${y})`}>
      <rect x="-36" y="-20" width="72" height="40" rx="4" />
      <circle r="9" />
      <path d="M-27-11h8M19 11h8" />
    </g>
  );
}
