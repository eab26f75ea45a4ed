import "@fontsource-variable/figtree/wght.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/explore.css";
import "./styles/header.css";
import "./styles/shelf.css";
import "./styles/wall.css";
import "./styles/stage.css";
import "./styles/directions.css";
import "./styles/photo.css";
import "./styles/compare.css";
import "./styles/morph.css";
import "./styles/screens.css";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { Problem } from "./api/problem";
import { Localised } from "./i18n";
import { applyPreferences } from "./state/preferences";

applyPreferences();

const client = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: "always", // the service may be on this machine, without a network
      staleTime: 5_000,
      // Only what may pass is asked again: a service that is busy, or does not answer.
      retry: (count, error) =>
        error instanceof Problem && [0, 503].includes(error.status) && count < 2,
    },
    mutations: { networkMode: "always" },
  },
});

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no element #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <Localised>
        <App />
      </Localised>
    </QueryClientProvider>
  </StrictMode>,
);
