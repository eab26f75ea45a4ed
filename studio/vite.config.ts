import react from "@vitejs/plugin-react";
import { build, type Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { dataUrlsAsFiles } from "./build/dataUrls.ts";

const SERVICE = process.env.MOGGY_URL ?? "http://127.0.0.1:8000";

/** Builds the playground after the pages. */
function withPlayground(): Plugin {
  let logLevel: "info" | "warn" | "error" | "silent" = "info";
  return {
    name: "with-playground",
    apply: "build",
    configResolved: (config) => {
      logLevel = config.logLevel ?? "info";
    },
    closeBundle: async () => {
      const configFile = `${import.meta.dirname}/vite.playground.config.ts`;
      await build({ configFile, logLevel });
    },
  };
}

export default defineConfig({
  // The API writes the prefix of a proxy into the pages' <base>; all addresses are relative to it.
  base: "./",
  plugins: [
    dataUrlsAsFiles(/swagger-ui\.css/, `${import.meta.dirname}/node_modules/.cache/data-urls`),
    react(),
    withPlayground(),
  ],
  build: {
    outDir: "../app/studio_files",
    emptyOutDir: true,
    target: "es2023",
    cssTarget: ["chrome125", "firefox128", "safari17.5"],
    assetsInlineLimit: 0, // the policy of the pages forbids data: addresses
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { input: ["index.html", "docs.html"] },
  },
  // The service refuses requests whose Origin is not their Host: both stay those of this server.
  server: { proxy: { "^/(v1/|openapi.json)": { target: SERVICE, changeOrigin: false } } },
  test: { include: ["src/**/*.test.{ts,tsx}", "build/*.test.ts"] },
});
